#!/bin/sh
# docs_current.sh ROOT BIN: the references say what the programs say. ./dev docs puts it right.
cd "$1" || exit 2
status=0
for file in docs/OPTIONS.md docs/METRICS.md; do
    sh tests/lint/docs_generate.sh "$2" "$file" | diff -u "$file" - ||
        { echo "$file is not current: ./dev docs"; status=1; }
done
exit $status
