#!/usr/bin/env bash
# What takes too long for ./dev test; ./dev nightly --help. Logs and the summary are in build/nightly.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
out=build/nightly
seeds=10000
first=1
mutant_seeds=300
fuzz_s=60
jobs=$(nproc)

steps() {
    cat <<'TEXT'
sim-all        every fault at once (set 15)
sim-own        the fault set of each seed
sim-rebuild    1, 2 and 4, and routers that die in a row while edges are late (set 39)
sim-registry   records that go wrong by themselves (set 16)
sim-sanitized  a tenth of the seeds, with sanitizers: every fault, routers in a row (set 47)
mutants        the product broken on purpose: the simulator must notice
models         every state of the Spin models, in their large forms too, and their mutants
fuzz           every fuzz target for a while
chaos          every fault of ./dev chaos
TEXT
}

usage() {
    cat <<TEXT
usage: ./dev nightly [STEP…] [--seeds N] [--first SEED] [--mutant-seeds N] [--fuzz SECONDS] [--jobs N]
       ./dev nightly --list

Without a step all of them, one after another, each on $(nproc) cores (--jobs) where it can be divided. A
step may be named by its beginning: sim is all that begin so. By default $seeds seeds from 1 on, $mutant_seeds seeds
for each mutant, $fuzz_s seconds for each fuzz target.

$(steps)
TEXT
}

die() {
    printf 'nightly: %s\n' "$*" >&2
    exit 2
}

# pool COMMAND…: runs it with each line of the input as arguments, $jobs at a time. False when one failed.
pool() {
    local running=0 bad=0 line
    while IFS= read -r line; do
        if [ $running -ge "$jobs" ]; then
            wait -n || bad=1
            running=$((running - 1))
        fi
        # shellcheck disable=SC2086
        "$@" $line &
        running=$((running + 1))
    done
    while [ $running -gt 0 ]; do
        wait -n || bad=1
        running=$((running - 1))
    done
    return $bad
}

# --- simulator ------------------------------------------------------------------------------------

# sim_part LOG BIN SET FIRST COUNT: goes on behind a seed that failed, so that a night finds them all.
sim_part() {
    local log=$1 bin=$2 set=$3 seed=$4 end=$(($4 + $5)) bad=0 failed
    [ "$set" != own ] || set=
    while [ "$seed" -lt "$end" ]; do
        # shellcheck disable=SC2086
        "$bin" "$seed" $((end - seed)) $set >"$log.$4.now" 2>&1 && break
        bad=1
        tail -n 20 "$log.$4.now" >>"$log.$4"
        failed=$(sed -n 's/^again with: sim \([0-9]*\) .*/\1/p' "$log.$4.now" | tail -n 1)
        # A seed of before this part is one of those that always run: they would fail again.
        [ -n "$failed" ] && [ "$failed" -ge "$seed" ] && [ "$failed" -lt "$end" ] || break
        seed=$((failed + 1))
    done
    rm -f "$log.$4.now"
    return $bad
}

parts() {
    local size=$((seeds / (jobs * 4))) at
    size=$((size < 100 ? 100 : size))
    for ((at = first; at < first + seeds; at += size)); do
        printf '%s %s\n' "$at" $((first + seeds - at < size ? first + seeds - at : size))
    done
}

# simulate PRESET SET: each seed that failed is told with what was wrong and how to see it again.
simulate() {
    local bin=build/$1/bin/sim bad=0 failed
    build "$1" sim || return 1
    pool sim_part "$log.part" "$bin" "$2" <<<"$(parts)" || bad=1
    cat "$log".part.* >>"$log" 2>/dev/null
    rm -f "$log".part.*
    failed=$(sed -n "s,^again with: sim,again with: $bin,p" "$log" | sort -u)
    said="$seeds seeds from $first on, $(grep -c . <<<"$failed") failed"
    if [ $bad -ne 0 ]; then
        details=$(grep -E '^seed |Assertion|ERROR: |runtime error' "$log" | sort -u)$'\n'$failed
    fi
    return $bad
}

step_sim_all() { simulate release 15; }
step_sim_own() { simulate release own; }
step_sim_rebuild() { simulate release 39; }
step_sim_registry() { simulate release 16; }

step_sim_sanitized() {
    local seeds=$(((seeds + 9) / 10))
    ASAN_OPTIONS=abort_on_error=1:detect_leaks=1 UBSAN_OPTIONS=abort_on_error=1:halt_on_error=1 \
        simulate asan 47
}

# mutants_part LOG NUMBER NAME…
mutants_part() {
    local log=$1.$2
    shift 2
    JOBS=1 exec sh tests/sim/mutants.sh "$mutant_seeds" "$@" >"$log" 2>&1
}

step_mutants() {
    local names bad=0
    names=$(sh tests/sim/mutants.sh --list)
    pool mutants_part "$log.part" <<<"$(awk -v n="$jobs" '{ of[NR % n] = of[NR % n] " " $0 }
        END { for (i in of) print i of[i] }' <<<"$names")" || bad=1
    cat "$log".part.* >>"$log"
    rm -f "$log".part.*
    said="$(wc -l <<<"$names") mutants, $(awk '/^[0-9]+ caught/ { n += $1 } END { print n + 0 }' "$log") caught"
    if [ $bad -ne 0 ]; then
        details=$(grep -E ': (SURVIVED|TOO SLOW|DOES NOT)|the product itself|error' "$log")
    fi
    return $bad
}

# --- the others -----------------------------------------------------------------------------------

model_part() {
    exec bash tests/model/run.sh "$2" "$out/models" large >"$1.$2" 2>&1
}

step_models() {
    local bad=0
    pool model_part "$log.part" <<<$'link\ntakeover' || bad=1
    cat "$log".part.* >>"$log"
    rm -f "$log".part.*
    said="$(grep -c 'states, depth' "$log") searches complete, $(grep -c 'without its rule' "$log") mutants caught"
    [ $bad -eq 0 ] || details=$(tail -n 5 "$log")
    return $bad
}

fuzz_part() {
    bash tests/fuzz/run.sh "$2" "$fuzz_s" >"$1.$2" 2>&1 || echo "target $2: ./dev fuzz $2" >>"$1.failed"
}

step_fuzz() {
    local names
    build fuzz || return 1
    names=$(printf '%s\n' build/fuzz/bin/fuzz_* | sed 's,.*/fuzz_,,')
    pool fuzz_part "$log.part" <<<"$names"
    details=$(cat "$log.part.failed" 2>/dev/null)
    cat "$log".part.* >>"$log"
    rm -f "$log".part.*
    said="$(wc -l <<<"$names") targets for $fuzz_s s, $(grep -c . <<<"$details") found something"
    [ -z "$details" ]
}

step_chaos() {
    local bad=0
    ./dev chaos >"$log" 2>&1 || bad=1
    said=$(sed -n 's/^chaos: //p' "$log")
    if [ $bad -ne 0 ]; then
        details=$(grep -E '^[a-z0-9-]+ +(FAILED|BROKE DOWN)|^  [!] |^  trace|^dev: ' "$log")
    fi
    return $bad
}

# --------------------------------------------------------------------------------------------------

build() {
    ./dev build "$@" >>"$log" 2>&1 && return
    said="the $1 build failed"
    return 1
}

# Leaves its line in $out/summary.
run_step() {
    local name=$1 result=good started=$SECONDS
    log=$out/$name.log
    said=
    details=
    rm -f "$log"*
    printf '== %s\n' "$name"
    if ! "step_${name//-/_}"; then
        result=FAILED
        failed=$((failed + 1))
    fi
    printf '%-14s %-6s %6d s  %s\n' "$name" $result $((SECONDS - started)) "${said:-no verdict}" |
        tee -a "$out/summary"
    if [ $result = FAILED ]; then
        printf '    %s\n' "log: $log" | tee -a "$out/summary"
        [ -z "$details" ] || sed 's/^/    /' <<<"$details" | tee -a "$out/summary"
    fi
}

# The steps that a name stands for.
named() {
    local step found=
    while read -r step _; do
        if [ "$step" = "$1" ] || [ "${step%%-*}" = "$1" ]; then
            chosen+=("$step")
            found=1
        fi
    done < <(steps)
    [ -n "$found" ] || die "no step '$1'; ./dev nightly --list"
}

number() {
    [[ ${2:-} =~ ^[1-9][0-9]{0,8}$ ]] || die "$1 takes a number"
}

chosen=()
while [ $# -gt 0 ]; do
    case $1 in
    --list) steps && exit ;;
    --help | -h) usage && exit ;;
    --seeds) number "$@" && seeds=$2 && shift ;;
    --first) number "$@" && first=$2 && shift ;;
    --mutant-seeds) number "$@" && mutant_seeds=$2 && shift ;;
    --fuzz) number "$@" && fuzz_s=$2 && shift ;;
    --jobs) number "$@" && jobs=$2 && shift ;;
    -*) die "no option '$1'; ./dev nightly --help" ;;
    *) named "$1" ;;
    esac
    shift
done
if [ ${#chosen[@]} -eq 0 ]; then
    mapfile -t chosen < <(steps | cut -d ' ' -f 1)
fi

# shellcheck disable=SC2046
trap 'kill $(jobs -p) 2>/dev/null; exit 130' INT TERM
mkdir -p "$out"
: >"$out/summary"
failed=0
for step in "${chosen[@]}"; do
    run_step "$step"
done
printf 'nightly: %d good, %d failed, %d s\n' $((${#chosen[@]} - failed)) $failed $SECONDS >>"$out/summary"
printf '\n== summary\n'
cat "$out/summary"
[ $failed -eq 0 ]
