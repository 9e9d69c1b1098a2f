#!/bin/sh
# shell.sh ROOT: every script parses.
cd "${1:-.}" || exit 2
status=0
for file in dev .ci/run $(git ls-files '*.sh'); do
    bash -n "$file" || status=1
done
exit $status
