#!/usr/bin/env python3
"""monitoring.py ROOT BIN: alerts, runbooks, documents and the dashboard name only what there is.

Every alert has severity, summary, description and a runbook, and unit tests for both outcomes; every
metric that a document or rule names is in the metric tables; every command of splitrailctl that a
document shows exists; every link to a heading leads somewhere.
"""

import glob
import os
import re
import subprocess
import sys

ROOT, BIN = sys.argv[1:3]
PAGES = sorted(glob.glob(os.path.join(ROOT, "docs", "*.md")))
MONITORING = os.path.join(ROOT, "compose", "monitoring")
METRIC = re.compile(r"\b((?:ws|splitrail_(?:edge|router))_[a-z_]+)")
SUFFIX = re.compile(r"_(?:bucket|sum|count)$")
faults = []


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def run(program, *args):
    return subprocess.run([os.path.join(BIN, program), *args], check=True, capture_output=True,
                          text=True).stdout


def fault(text, *values):
    faults.append(text % values)


def anchors(text):
    """As the usual viewers make them of headings."""
    heads = re.findall(r"^#+ +(.*)$", re.sub(r"```.*?```", "", text, flags=re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"\]\(.*?\)", "", h)).strip().lower().replace(" ", "-")
            for h in heads}


def check_alerts():
    rules = re.split(r"^ +- alert: ", read(MONITORING, "alerts.yml"), flags=re.M)[1:]
    tests = read(MONITORING, "alerts_test.yml")
    runbooks = anchors(read(ROOT, "docs", "RUNBOOKS.md"))
    names = {rule.split()[0] for rule in rules}
    for rule in rules:
        name = rule.split()[0]
        for key in ("severity: (critical|warning|info)\n", "summary: .", "description: .",
                    "runbook_url: docs/RUNBOOKS.md#%s\n" % name.lower()):
            if not re.search(key, rule):
                fault("alerts.yml: %s has no %s", name, key.strip())
        if name.lower() not in runbooks:
            fault("RUNBOOKS.md has no section %s", name)
        for outcome in ("fires", "does not fire"):
            if "name: %s %s\n" % (name, outcome) not in tests:
                fault("alerts_test.yml has no case: %s %s", name, outcome)
    for name in re.findall(r"^### (Splitrail\w+)$", read(ROOT, "docs", "RUNBOOKS.md"), re.M):
        if name not in names:
            fault("RUNBOOKS.md: no alert is called %s", name)


def check_metrics():
    known = set(re.findall(r"^\| `(\w+)`", run("splitrail-edge", "--metrics-markdown") +
                           run("splitrail-router", "--metrics-markdown"), re.M))
    files = PAGES + [os.path.join(MONITORING, f) for f in ("alerts.yml", "alerts_test.yml", "dashboard.json")]
    for path in files:
        for found in METRIC.finditer(read(path)):
            name = found.group(1)
            # Commands look for beginnings of names; sources of an edge are called ws_… too.
            begins = any(metric.startswith(name.rstrip("_") + "_") for metric in known)
            source = os.path.exists(os.path.join(ROOT, "edge", name + ".c"))
            if not (begins or source or name in known or SUFFIX.sub("", name) in known):
                fault("%s: no metric is called %s", os.path.relpath(path, ROOT), name)


def check_commands():
    known = set(re.findall(r"^  ([a-z]+)", run("splitrailctl", "--help"), re.M))
    for path in PAGES:
        shown = re.findall(r"(?:^|[`$] ?|exec router )splitrailctl ((?:--[a-z-]+ )*)([a-z]+)", read(path), re.M)
        for _, word in shown:
            if word not in known:
                fault("%s: splitrailctl has no command %s", os.path.relpath(path, ROOT), word)


def check_links():
    of = {os.path.basename(path): anchors(read(path)) for path in PAGES}
    for path in PAGES:
        page = os.path.basename(path)
        for target, anchor in re.findall(r"\]\(([\w.]*)#([\w-]+)\)", read(path)):
            if anchor not in of.get(target or page, {anchor}):
                fault("docs/%s: no heading for %s#%s", page, target, anchor)


check_alerts()
check_metrics()
check_commands()
check_links()
print("\n".join(faults) or "alerts, runbooks and documents fit")
sys.exit(bool(faults))
