#!/usr/bin/python3
"""Instructions of the hot paths beside those that are committed (tests/bench/guard.json).

    ./dev bench guard                    exit code 1 when a path takes more than the tolerance allows
    ./dev bench guard --update           writes what was counted as the new baseline: say why in the commit

callgrind runs hot_paths, whose functions count_* are the pure modules at work on fixed input. The counts
are the same on every run of one binary; another compiler or a processor without the same vector
instructions gives others, which are shown but not judged.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BASELINE = os.path.join(HERE, "guard.json")
BIN = os.environ.get("SPLITRAIL_BIN") or os.path.join(HERE, "..", "..", "build", "release", "bin")

WHAT = {
    "decode": "a masked text frame of 150 bytes, one of 16 in a read, to a message",
    "up": "a client's message into an up-batch of 16",
    "step": "a room message read, checked, numbered, kept and written into the batches of two edges",
    "step_direct": "the same for a direct message",
    "encode": "a delivery into a down-batch of 16",
    "fan_out": "a delivery of a batch of 16 to 500 members: read, matched, framed once",
    "join": "a client accepted and its join answered at the router",
}


def counted(directory):
    """name → instructions of one operation."""
    out = os.path.join(directory, "callgrind.out")
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=" + out, os.path.join(BIN, "hot_paths")],
        capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit("hot_paths failed under valgrind:\n" + run.stderr[-2000:])
    operations = {name: int(number) for name, number in
                  (line.split() for line in run.stdout.splitlines())}
    table = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", out],
                           capture_output=True, text=True, check=True).stdout
    costs = {}
    for line in table.splitlines():
        found = re.match(r"\s*([\d,]+) .*:count_(\w+)(?:\s|$|')", line)
        if found:
            costs[found.group(2)] = int(found.group(1).replace(",", ""))
    missing = set(operations) - set(costs)
    if missing:
        raise SystemExit("not found in what callgrind said: " + " ".join(sorted(missing)))
    return {name: costs[name] / operations[name] for name in operations}


def environment():
    compiler = subprocess.run(["cc", "--version"], capture_output=True, text=True).stdout.split("\n")[0]
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        flags = next((line for line in f if line.startswith("flags")), "").split()
    return {"compiler": compiler, "vectors": "avx2" if "avx2" in flags else
            "ssse3" if "ssse3" in flags else "none"}


def update(paths, tolerance):
    data = dict(environment(), tolerance_percent=tolerance,
                paths={name: {"what": WHAT[name], "instructions": round(value, 1)}
                       for name, value in paths.items()})
    with open(BASELINE, "w", encoding="utf-8") as file:
        json.dump(data, file, indent=2, sort_keys=True)
        file.write("\n")


def judge(paths, baseline, tolerance):
    """Prints the table; gives the names of what has grown too much."""
    grown = []
    print("%-14s %14s %14s %8s" % ("path", "baseline", "now", "change"))
    for name, value in paths.items():
        before = baseline["paths"].get(name, {}).get("instructions")
        if before is None:
            print("%-14s %14s %14.1f" % (name, "-", value))
            grown.append(name)
            continue
        change = (value / before - 1) * 100
        print("%-14s %14.1f %14.1f %+7.2f%%" % (name, before, value, change))
        if change > tolerance:
            grown.append(name)
    return grown


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--update", action="store_true", help="write the baseline")
    parser.add_argument("--tolerance", type=float, help="per cent; without it that of the baseline")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        paths = counted(directory)
    if options.update:
        update(paths, options.tolerance or 3)
        for name, value in paths.items():
            print("%-14s %14.1f" % (name, value))
        return
    with open(BASELINE, encoding="utf-8") as file:
        baseline = json.load(file)
    grown = judge(paths, baseline, options.tolerance or baseline["tolerance_percent"])
    other = {key: value for key, value in environment().items() if baseline[key] != value}
    if other:
        print("not judged: the baseline is of %s" % ", ".join(
            "%s, not %s" % (baseline[key], value) for key, value in other.items()))
        return
    for name in grown:
        print("WRONG %s takes more instructions than the baseline allows" % name)
    sys.exit(1 if grown else 0)


if __name__ == "__main__":
    main()
