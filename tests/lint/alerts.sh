#!/bin/sh
# alerts.sh ROOT: the alert rules are well formed, fire when they should and not otherwise (their unit tests).
cd "$1/compose/monitoring" || exit 2
command -v promtool >/dev/null || { echo "promtool is missing: apt-get install prometheus"; exit 77; }
promtool check config prometheus.yml && promtool test rules alerts_test.yml
