#!/usr/bin/env bash
# run.sh TARGET SECONDS: one target of the fuzz build. What it finds is in build/fuzz.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
mkdir -p "build/fuzz/corpus/$1" "tests/fuzz/corpus/$1"
exec "build/fuzz/bin/fuzz_$1" -max_total_time="$2" -timeout=5 -rss_limit_mb=2048 \
    -artifact_prefix="build/fuzz/$1-" "build/fuzz/corpus/$1" "tests/fuzz/corpus/$1"
