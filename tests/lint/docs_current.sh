#!/bin/sh
# docs_current.sh ROOT BIN: the references and the dashboard say what the programs say. ./dev docs puts it right.
cd "$1" || exit 2
status=0
for file in docs/OPTIONS.md docs/METRICS.md; do
    sh tests/lint/docs_generate.sh "$2" "$file" | diff -u "$file" - ||
        { echo "$file is not current: ./dev docs"; status=1; }
done
python3 compose/monitoring/dashboard.py "$2" | diff -u compose/monitoring/dashboard.json - ||
    { echo "the dashboard is not current: ./dev docs"; status=1; }
exit $status
