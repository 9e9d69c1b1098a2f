#!/usr/bin/env bash
# run.sh MODEL OUT_DIR [large]: verifies MODEL.pml exhaustively, and demands a counter-example of each
# of its mutants; large: in its larger forms besides. Everything that is made, counter-examples too,
# goes to OUT_DIR.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
model=$1
out=$2
size=${3:-}
limit_s=400
[ -z "$size" ] || limit_s=3000
limit_mb=4000
depth=100000

# A line: a name, and its switches.
good() {
    case $model in
    link)
        printf '%s\n' "default:" "small-credit:-DWINDOW=1 -DNEWS=2" "much-news:-DNUP=2 -DNEWS=2"
        ;;
    takeover)
        printf '%s\n' "default:-DROUTERS=2" \
            "three-routers:-DROUTERS=3 -DMESSAGES0=1 -DMESSAGES1=1 -DGIVE_UP=0" \
            "three-routers-one-gives-up:-DROUTERS=3 -DMESSAGES0=1 -DMESSAGES1=0"
        ;;
    esac
}

large() {
    case $size$model in
    largelink)
        printf '%s\n' "four-sockets:-DNEWS=0 -DSOCKETS=4" "four-messages:-DNEWS=0 -DNUP=4" \
            "deep-pipe:-DPIPE=3 -DWINDOW=3"
        ;;
    esac
}

mutants() {
    case $model in
    link)
        printf '%s\n' -DNO_HOLE -DNO_SENT -DNO_REWIND -DNO_ATTEMPT -DACK_FIRST -DTOLD_KEPT \
            "-DACK_BOTH_WAIT -DWINDOW=1"
        ;;
    takeover)
        printf '%s\n' -DNO_FENCE -DNO_HOLE -DNO_ORDER -DNO_DEDUP -DNO_EDGE_FENCE
        ;;
    esac
}

die() {
    printf 'model %s: %s\n' "$model" "$*" >&2
    exit 1
}

# verify NAME SWITCHES: leaves the verdict in $dir/log.
verify() {
    local name=$1
    dir=$out/$model-$name
    rm -rf "$dir"
    mkdir -p "$dir"
    # shellcheck disable=SC2086
    (cd "$dir" && spin -a $2 "$here/$model.pml" >spin.log 2>&1) || {
        cat "$dir/spin.log" >&2
        die "$name: spin does not take it"
    }
    [ -s "$dir/pan.c" ] || die "$name: spin made no verifier; see $dir/spin.log"
    gcc "$optimise" -w -DSAFETY -DCOLLAPSE -DMEMLIM=$limit_mb -o "$dir/pan" "$dir/pan.c" ||
        die "$name: gcc does not take it"
    (cd "$dir" && timeout $limit_s ./pan -m$depth >log 2>&1) || true
}

# A search that ended early proves nothing.
check_complete() {
    local name=$1
    grep -q 'errors: ' "$dir/log" || die "$name: no verdict in $limit_s s and $limit_mb MB; $dir/log"
    ! grep -qE 'max search depth too small|Search not completed|out of memory' "$dir/log" ||
        die "$name: the search is not complete; $dir/log"
}

figure() {
    sed -n "s/$1/\\1/p" "$dir/log" | head -n 1
}

print_figures() {
    printf 'model %-9s %-28s %10s states, depth %4s, %s MB, %s s\n' "$model" "$1" \
        "$(figure '^ *\([0-9]*\) states, stored.*')" \
        "$(figure '.*depth reached \([0-9]*\).*')" \
        "$(figure '^ *\([0-9]*\)\.[0-9]*.*total actual memory usage.*')" \
        "$(figure '^pan: elapsed time \([0-9.e+-]*\) seconds.*')"
}

# What the model promises must hold in every state.
run_good() {
    local line name
    while IFS= read -r line; do
        name=${line%%:*}
        verify "$name" "${line#*:}"
        check_complete "$name"
        if ! grep -q 'errors: 0' "$dir/log"; then
            grep -E '^pan:' "$dir/log" >&2
            die "$name: violated; read the way to it with: cd $dir && spin -t -p -g ${line#*:}" \
                "-k $model.pml.trail $here/$model.pml"
        fi
        print_figures "$name"
    done < <(good && large)
}

# Without its rule it must not hold: a model that cannot fail proves nothing.
run_mutants() {
    local switches name
    while IFS= read -r switches; do
        name=${switches%% *}
        name=${name#-D}
        if [ "$model" = takeover ]; then
            switches="$switches -DROUTERS=2"
        fi
        verify "$name" "$switches"
        grep -qE '^pan:1: assertion violated' "$dir/log" ||
            die "$name: no counter-example; the model does not see what this rule is for; $dir/log"
        printf 'model %-9s without its rule (%s): %s\n' "$model" "$name" \
            "$(sed -n 's/^pan:1: \(.*\)/\1/p' "$dir/log" | head -n 1)"
    done < <(mutants)
}

[ -n "$(good)" ] || die "no such model"
command -v spin >/dev/null || die "spin is not installed (./dev setup)"
optimise=-O2
run_good
optimise=-O1 # a counter-example is found in less time than it takes to compile well
run_mutants
