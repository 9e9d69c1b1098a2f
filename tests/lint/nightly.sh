#!/bin/sh
# nightly.sh ROOT: what runs at night only has to be there by day: the steps of ./dev nightly, and each
# edit of the simulator's mutants.
cd "${1:-.}" || exit 2
status=0
steps=$(./dev nightly --list) && [ -n "$steps" ] || exit 1
for step in $(printf '%s\n' "$steps" | cut -d ' ' -f 1); do
    name=$(printf '%s' "$step" | tr - _)
    grep -q "^step_$name() {" tests/nightly.sh || {
        echo "step $step: no step_$name in tests/nightly.sh"
        status=1
    }
done
for file in tests/model/run.sh tests/fuzz/run.sh tests/sim/mutants.sh tests/chaos/chaos.py; do
    [ -f "$file" ] && grep -q "$file" tests/nightly.sh dev || {
        echo "$file: not there, or not run"
        status=1
    }
done
./dev nightly no-such-step >/dev/null 2>&1 && {
    echo "./dev nightly takes a step that there is not"
    status=1
}
sh tests/sim/mutants.sh --check || status=1
exit $status
