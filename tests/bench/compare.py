#!/usr/bin/python3
"""Splitrail beside servers of other people: same scenarios, same machine, same minutes.

    ./dev bench                          everything, three times in turn; writes docs/BENCHMARKS.md
    ./dev bench --quick                  once and shortly, to see that it works
    ./dev bench --scenario fan-1000-16 --system splitrail,nats --repetitions 5
    ./dev bench --list

Each run starts its server anew, opens the connections, publishes and judges every message. Runs of
different servers alternate within a repetition, so that what the machine does besides hits all of them;
ratios are taken within a repetition. A choice of scenarios or systems, or --quick, writes to build/bench/
unless --out says where. Exit code 1 when a message to one of our own clients went wrong.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

import comparison_report  # noqa: E402
import scale_machine  # noqa: E402
import syscalls  # noqa: E402
from systems import SYSTEMS, e2e  # noqa: E402

BENCH = os.path.join(e2e.BIN, "splitrail-bench")
PATIENCE_S = 45
WARM_UP_S = 0.7
BARE_BYTES = 170  # a delivery of ours with a payload of 100 bytes
BARE_SENDS = 300_000


class Scenario:
    def __init__(self, name, title, kind, *args, goal=None, calls=False, bare=0):
        self.name = name
        self.title = title
        self.kind = kind  # rooms, direct or idle
        self.args = args
        self.goal = goal
        self.calls = calls  # system calls are counted too
        self.bare = bare  # to so many sockets: what send() alone costs is measured too


def fan_out(connections, in_flight, goal, calls=False):
    return Scenario(
        "fan-%d-%d" % (connections, in_flight),
        "fan-out 1 × {:,}, {} in flight".format(connections, in_flight), "rooms", "--connections",
        str(connections), "--publishers", "1", "--in-flight", str(in_flight), goal=goal, calls=calls,
        bare=connections if in_flight == 1 else 0)


# 10,100 connections in 100 rooms: with 10,000 the evenly spread publishers would all be in one room.
SCENARIOS = [
    fan_out(1000, 1, 4, calls=True),
    fan_out(1000, 16, 0.45, calls=True),
    fan_out(10000, 4, 2),
    Scenario("rooms-100", "100 rooms × 101 members, 2 in flight each", "rooms", "--connections", "10100",
             "--rooms", "100", "--publishers", "100", "--in-flight", "2", goal=1.8, calls=True),
    Scenario("direct", "direct messages, saturated", "direct", "--connections", "1000", "--rooms", "1000",
             "--publishers", "1000", "--direct", goal=9, calls=True),
    Scenario("direct-1000", "direct messages, 1,000/s", "direct", "--connections", "1000", "--rooms",
             "1000", "--publishers", "1000", "--direct", "--rate", "1000", goal=150),
    Scenario("idle", "10,000 connections come and say nothing", "idle", "--connections", "10000",
             "--rooms", "1000", "--connecting", "256"),
]


def arguments(system, scenario, options):
    args = [*scenario.args, "--source-addresses", "4",
            *system.arguments("direct" if scenario.kind == "direct" else "rooms")]
    for name, pid in system.pids.items():
        args += ["--pid", "%s=%d" % (name, pid)]
    if scenario.kind == "idle":
        return args + ["--hold", "%dms" % (options.hold * 1000)]
    return args + ["--warmup", "%dms" % (WARM_UP_S * 1000), "--duration",
                   "%dms" % (options.duration * 1000)]


def load(system, scenario, options, during=None):
    """The report of splitrail-bench, or {"trouble": why there is none}. `during` is called when publishing
    is warm."""
    with tempfile.NamedTemporaryFile("r", suffix=".json") as file:
        bench = subprocess.Popen(
            [BENCH, *arguments(system, scenario, options), "--progress-json", "--json", file.name],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        try:
            deadline = time.monotonic() + PATIENCE_S
            for line in bench.stdout:
                if during and json.loads(line).get("event") == "publish":
                    during()
                if time.monotonic() > deadline:
                    return {"trouble": "took longer than %d s" % PATIENCE_S}
            bench.wait(PATIENCE_S)
            return json.load(file)
        except ValueError:
            return {"trouble": "the generator ended with %s" % bench.returncode}
        finally:
            bench.kill()
            bench.wait()


def run_once(make, scenario, options, during=None):
    """One server, one load, nothing left behind."""
    system = make()
    try:
        system.start()
    except (RuntimeError, AssertionError, OSError, subprocess.TimeoutExpired) as e:
        return {"trouble": "did not start: %s" % e}
    try:
        return load(system, scenario, options, during and (lambda: during(system)))
    finally:
        try:
            system.close()
        except (AssertionError, subprocess.TimeoutExpired) as e:
            print("  %s: %s" % (system.name, e), flush=True)


def flaws(report):
    """What was wrong in a run, in words; empty when nothing was."""
    if "trouble" in report:
        return report["trouble"]
    wrong = ["%d %s" % (report["account"][key], key)
             for key in ("lost", "repeated", "reordered", "misrouted") if report["account"][key]]
    absent = report["connections"] - report["ready"]
    if absent:
        wrong.append("%d connections failed" % absent)
    if report["closed"]:
        wrong.append("%d closed" % report["closed"])
    if report["sent"] and not report["deliveries_per_s"]:
        wrong.append("nothing came while it was measured")
    return ", ".join(wrong)


def figures(scenario, report):
    """What of a run goes into the tables."""
    row = {"flaws": flaws(report), "load": report.get("load")}
    if "trouble" in report:
        return row
    if scenario.kind == "idle":
        n = report["connections"]
        before = {p["process"].split("=")[0]: p for p in report["processes"]}
        row["memory"] = {name: (p["private_after"] - p["private_before"]) / n for name, p in before.items()}
        row["bytes"] = sum(row["memory"].values())
        row["slab"] = report["slab_bytes_per_connection"]
        row["connects"] = report["ready"] / report["ready_s"]
        row["connect_cpu_us"] = sum(p["cpu_opening_ms"] for p in report["processes"]) * 1e3 / n
        return row
    if not report["deliveries_per_s"]:
        return row
    row.update(cpu=report["cpu_us_per_delivery"], rate=report["deliveries_per_s"],
               **{key: report["latency"][key + "_us"] / 1e3 for key in ("p50", "p99", "p999", "max")})
    row["processes"] = {p["process"].split("=")[0]: p["cpu_publishing_ms"] for p in report["processes"]}
    return row


def say_row(system, scenario, row):
    if scenario.kind == "idle":
        text = "%6.0f B each, %6.0f joined/s" % (row.get("bytes", 0), row.get("connects", 0))
    else:
        text = "%8.2f us/delivery  %9.0f/s  p50 %7.2f  p99 %7.2f ms" % tuple(
            row.get(key, 0) for key in ("cpu", "rate", "p50", "p99"))
    print("  %-18s %s%s" % (system.name, text, "   FLAWED: " + row["flaws"] if row["flaws"] else ""),
          flush=True)


def bare_send(connections):
    """µs of processor time for one send() to each of so many sockets by a program that does nothing else."""
    rounds = max(20, BARE_SENDS // connections)
    program = os.path.join(e2e.BIN, "bare_send")
    done = subprocess.run([program, str(connections), str(rounds), str(BARE_BYTES)],
                          capture_output=True, text=True, timeout=PATIENCE_S)
    return float(done.stdout) if done.returncode == 0 else None


def measure(systems, scenarios, options):
    """results[scenario][system] = rows, one for each repetition; bare[scenario] = figures of bare_send()."""
    results = {s.name: {system.name: [] for system in systems} for s in scenarios}
    bare = {s.name: [] for s in scenarios if s.bare}
    for repetition in range(options.repetitions):
        for number, scenario in enumerate(scenarios):
            print("%d/%d %s" % (repetition + 1, options.repetitions, scenario.title), flush=True)
            turn = (repetition + number) % len(systems)
            for system in systems[turn:] + systems[:turn]:
                row = figures(scenario, run_once(system, scenario, options))
                results[scenario.name][system.name].append(row)
                say_row(system, scenario, row)
            if scenario.bare:
                bare[scenario.name].append(bare_send(scenario.bare))
                print("  %-18s %s us/send" % ("send() alone", bare[scenario.name][-1]), flush=True)
    return results, bare


def count_calls(systems, scenarios, options):
    """calls[scenario][system] = system calls per delivery, by name; and how they were counted."""
    how = syscalls.tool()
    calls = {}
    if how is None or options.no_syscalls:
        return None, calls
    for scenario in (s for s in scenarios if s.calls):
        print("system calls, %s" % scenario.title, flush=True)
        calls[scenario.name] = {}
        for system in systems:
            counted = {}

            def during(running, counted=counted):
                counted.update(syscalls.count(running.pids.values(), options.duration * 0.8, how))

            report = run_once(system, scenario, options, during)
            rate = report.get("deliveries_per_s", 0)
            if rate and counted:
                each = {name: count / rate for name, count in counted.items() if count}
                calls[scenario.name][system.name] = each
                print("  %-18s %.3f calls per delivery" % (system.name, each.get("all", 0)), flush=True)
    return how, calls


def in_own_network():
    try:
        return os.readlink("/proc/self/ns/net") != os.readlink("/proc/1/ns/net")
    except OSError:
        return False


def machine():
    def field(path, name):
        try:
            with open(path, encoding="utf-8") as f:
                return next((line.split(":", 1)[1].strip() for line in f if line.startswith(name)), "?")
        except OSError:
            return "?"

    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True,
                            text=True).stdout.strip()
    return {"cpu": field("/proc/cpuinfo", "model name"), "cores": os.cpu_count(),
            "memory": field("/proc/meminfo", "MemTotal"),
            "kernel": platform.release() + (", a network of its own" if in_own_network() else ""),
            "libc": " ".join(platform.libc_ver()), "commit": commit or "?",
            "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}


def chosen(all_of, names):
    if not names:
        return list(all_of)
    wanted = [name for part in names for name in part.split(",")]
    known = {thing.name: thing for thing in all_of}
    for name in wanted:
        if name not in known:
            raise SystemExit("no '%s': %s" % (name, " ".join(known)))
    return [known[name] for name in wanted]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="once, one second each")
    parser.add_argument("--scenario", action="append", metavar="NAME[,NAME…]")
    parser.add_argument("--system", action="append", metavar="NAME[,NAME…]")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--duration", type=float, default=1.5, help="seconds of publishing, measured")
    parser.add_argument("--hold", type=float, default=8.0, help="seconds before idle memory is read")
    parser.add_argument("--no-syscalls", action="store_true", help="do not count system calls")
    parser.add_argument("--out", help="directory for BENCHMARKS.md and benchmarks/")
    parser.add_argument("--list", action="store_true", help="scenarios and systems")
    options = parser.parse_args()
    if options.quick:
        options.repetitions, options.duration, options.hold = 1, 1.0, 1.0
    return options


def show_list():
    for scenario in SCENARIOS:
        print("scenario  %-18s %s" % (scenario.name, scenario.title))
    for make in SYSTEMS:
        print("system    %-18s %s" % (make.name, make().missing() or make.title + ": " + make.parts))


def main():
    options = parse()
    if options.list:
        show_list()
        return
    partial = options.quick or options.scenario or options.system
    out = options.out or os.path.join(ROOT, *(("build", "bench") if partial else ("docs",)))
    scale_machine.own_network()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    started = time.monotonic()
    scenarios = chosen(SCENARIOS, options.scenario)
    wanted = chosen(SYSTEMS, options.system)
    left_out = {make.name: make().missing() for make in wanted if make().missing()}
    systems = [make for make in wanted if make.name not in left_out]
    for name, why in left_out.items():
        print("left out: %s: %s" % (name, why), flush=True)
    results, bare = measure(systems, scenarios, options)
    how, calls = count_calls(systems, scenarios, options)
    data = {
        "machine": machine(), "took_s": time.monotonic() - started,
        "repetitions": options.repetitions, "duration_s": options.duration, "hold_s": options.hold,
        "scenarios": [{"name": s.name, "title": s.title, "kind": s.kind, "goal": s.goal,
                       "arguments": " ".join(s.args)} for s in scenarios],
        "systems": [{"name": s.name, "title": s.title, "parts": s.parts, "durability": s.durability,
                     "cluster": s.cluster, "leaves_out": s.leaves_out, "version": s().version()}
                    for s in systems],
        "left_out": left_out, "results": results, "bare": bare, "calls_by": how, "calls": calls}
    comparison_report.save(out, "compare", data)
    comparison_report.write(out)
    print("took %.0f s; %s" % (data["took_s"], os.path.join(out, "BENCHMARKS.md")))
    ours = [row for by_system in results.values() for name, rows in by_system.items()
            if name.startswith("splitrail") for row in rows]
    sys.exit(1 if any(row["flaws"] for row in ours) else 0)


if __name__ == "__main__":
    main()
