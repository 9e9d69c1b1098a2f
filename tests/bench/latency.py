#!/usr/bin/python3
"""Latency under load, beside servers of other people: at a quarter, half and three quarters of what each can
do, and of what the slowest of them can do.

    ./dev bench latency                  every system, three times in turn, about 25 minutes; docs/LATENCY.md
    ./dev bench latency --system splitrail,bun,nats --scenario direct --repetitions 5
    ./dev bench latency --quick          once and shortly, to see that it works
    ./dev bench latency --list

What each can do is found by the closed loop, several times in turn; then the open loop asks for so many
messages a second, each at its own time, and latency counts from that time whether or not the generator got
to send it. A choice of scenarios or systems, or --quick, writes to build/bench/ unless --out says where. Exit
code 1 when a message to one of our own clients went wrong.
"""

import argparse
import os
import resource
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

import comparison_report  # noqa: E402
import latency_report  # noqa: E402
import scale_machine  # noqa: E402
from charts import median  # noqa: E402
from compare import Scenario, chosen, flaws, machine, run_once  # noqa: E402
from systems import SYSTEMS  # noqa: E402

SHARES = (25, 50, 75)  # per cent


class Load:
    """A scenario that is run as fast as it goes or at a rate. `heard` is deliveries per message."""

    def __init__(self, name, title, kind, heard, closed, *args):
        self.name = name
        self.title = title
        self.kind = kind
        self.heard = heard
        self.closed = closed
        self.args = args

    def saturated(self):
        return Scenario(self.name, self.title, self.kind, *self.args, *self.closed)

    def paced(self, per_s):
        return Scenario(self.name, self.title, self.kind, *self.args, "--rate", str(per_s))


# 101 rooms, because evenly spread publishers of 100 would meet in ten of them.
LOADS = [
    Load("fan", "101 rooms × 10 members", "rooms", 10, ("--in-flight", "4"), "--connections", "1010",
         "--rooms", "101", "--publishers", "101"),
    Load("direct", "direct messages of 500 pairs", "direct", 1, ("--in-flight", "1"), "--connections", "1000",
         "--rooms", "1000", "--publishers", "1000", "--direct"),
]


def figures(load, report, per_s):
    """What of a run goes into the report; `per_s` is None where the closed loop ran."""
    row = {"flaws": flaws(report), "load": report.get("load"), "per_s": per_s}
    if "trouble" in report or not report["deliveries_per_s"]:
        return row
    row.update({key: report["latency"][key + "_us"] / 1e3 for key in ("p50", "p99", "p999", "max")})
    row["rate"] = report["deliveries_per_s"]
    row["cpu"] = report["cpu_us_per_delivery"]
    row["late"] = per_s is not None and report["deliveries_per_s"] < 0.95 * per_s * load.heard
    return row


def say(system, what, row):
    print("  %-18s %-12s %9.0f/s  p50 %8.2f  p99 %8.2f  p99.9 %8.2f ms  %6.2f us%s%s" % (
        (system.name, what) + tuple(row.get(key, 0) for key in ("rate", "p50", "p99", "p999", "cpu")) + (
            " LATE" if row.get("late") else "", "   FLAWED: " + row["flaws"] if row["flaws"] else "")),
        flush=True)


def in_turn(systems, repetition):
    first = repetition % len(systems)
    return systems[first:] + systems[:first]


def find_saturation(load, systems, options):
    """rows[system] of the closed loop."""
    rows = {system.name: [] for system in systems}
    for repetition in range(options.repetitions):
        print("%d/%d %s, as fast as it goes" % (repetition + 1, options.repetitions, load.title), flush=True)
        for system in in_turn(systems, repetition):
            row = figures(load, run_once(system, load.saturated(), options), None)
            rows[system.name].append(row)
            say(system, "saturated", row)
    return rows


def most_per_s(load, rows):
    """Messages a second at saturation, or None."""
    rates = [row["rate"] for row in rows if row.get("rate")]
    return median(rates) / load.heard if rates else None


def rates_of(load, saturation):
    """rates[system] = messages a second by (kind of share, per cent); "own" of its own saturation, "equal" of
    the slowest one's."""
    most = {name: most_per_s(load, rows) for name, rows in saturation.items()}
    most = {name: rate for name, rate in most.items() if rate}
    slowest = min(most.values(), default=0)
    return {name: {(kind, share): max(1, int(of * share / 100))
                   for kind, of in (("own", rate), ("equal", slowest)) for share in SHARES}
            for name, rate in most.items()}


def measure_load(load, systems, options):
    """saturation: rows by system; paced: rows by system and by "own-25" and the like."""
    saturation = find_saturation(load, systems, options)
    rates = rates_of(load, saturation)
    paced = {name: {"%s-%d" % key: [] for key in of} for name, of in rates.items()}
    for repetition in range(options.repetitions):
        for key in [(kind, share) for kind in ("equal", "own") for share in SHARES]:
            print("%d/%d %s, %s %d %%" % (repetition + 1, options.repetitions, load.title, *key), flush=True)
            for system in in_turn([s for s in systems if s.name in rates], repetition):
                per_s = rates[system.name][key]
                row = figures(load, run_once(system, load.paced(per_s), options), per_s)
                paced[system.name]["%s-%d" % key].append(row)
                say(system, "%d/s" % per_s, row)
    return {"saturation": saturation, "paced": paced}


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="once, one second each")
    parser.add_argument("--scenario", action="append", metavar="NAME[,NAME…]")
    parser.add_argument("--system", action="append", metavar="NAME[,NAME…]")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--duration", type=float, default=2.0, help="seconds of publishing, measured")
    parser.add_argument("--out", help="directory for LATENCY.md and benchmarks/")
    parser.add_argument("--write", action="store_true", help="only write the report, from the JSON file")
    parser.add_argument("--list", action="store_true", help="scenarios and systems")
    options = parser.parse_args()
    if options.quick:
        options.repetitions, options.duration = 1, 1.0
    return options


def show_list():
    for load in LOADS:
        print("scenario  %-18s %s" % (load.name, load.title))
    for make in SYSTEMS:
        print("system    %-18s %s" % (make.name, make().missing() or make.title + ": " + make.parts))


def measure(options):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    started = time.monotonic()
    loads = chosen(LOADS, options.scenario)
    wanted = chosen(SYSTEMS, options.system)
    left_out = {make.name: make().missing() for make in wanted if make().missing()}
    systems = [make for make in wanted if make.name not in left_out]
    for name, why in left_out.items():
        print("left out: %s: %s" % (name, why), flush=True)
    results = {load.name: measure_load(load, systems, options) for load in loads}
    return {
        "machine": machine(), "took_s": time.monotonic() - started, "repetitions": options.repetitions,
        "duration_s": options.duration, "shares": SHARES, "left_out": left_out, "results": results,
        "loads": [{"name": load.name, "title": load.title, "heard": load.heard,
                   "arguments": " ".join(load.args), "closed": " ".join(load.closed)} for load in loads],
        "systems": [{"name": s.name, "title": s.title, "parts": s.parts, "version": s().version()}
                    for s in systems]}


def main():
    options = parse()
    if options.list:
        show_list()
        return
    partial = options.quick or options.scenario or options.system
    out = options.out or os.path.join(ROOT, *(("build", "bench") if partial else ("docs",)))
    if not options.write:
        scale_machine.own_network()
        comparison_report.save(out, "latency", measure(options))
    flawed = latency_report.write(out)
    print(os.path.join(out, "LATENCY.md"))
    sys.exit(1 if flawed else 0)


if __name__ == "__main__":
    main()
