#!/usr/bin/python3
"""How cost grows: what a delivery and a connection cost while one thing grows and all else stays.

    ./dev bench growth                   reduced sizes, about 8 minutes; writes docs/GROWTH.md
    ./dev bench growth --full            all sizes, three times in turn, more than an hour
    ./dev bench growth --curve rooms,edges --repetitions 3
    ./dev bench growth --write           the report again, from docs/benchmarks/growth.json
    ./dev bench growth --list

Each point is two runs, each with servers of its own: one paced (so many messages a second, each at its own
time: processor time per delivery, latency, memory) and one saturated (so many messages in flight:
deliveries a second). A choice of curves writes to build/bench/ unless --out says where. Exit code 1 when a
message was lost, repeated, reordered or misrouted, or a connection ended.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

import cluster as e2e  # noqa: E402
import comparison_report  # noqa: E402
import growth_report  # noqa: E402
import restart  # noqa: E402
from compare import BENCH, chosen, flaws, machine  # noqa: E402
from scale import PER_EDGE  # noqa: E402
from scale_machine import meminfo, own_network  # noqa: E402

PATIENCE_S = 240
WARM_UP_S = 0.7
BYTES_EACH = 25000  # both ends, kernel and userland, accounts included
MEMBERS = 10
IN_FLIGHT = 400  # messages, of all publishers together
PER_S = 2000  # messages


def coprime(n, others):
    return all(math.gcd(n, other) == 1 for other in others)


def rooms_for(connections, members, edges):
    """About connections / members rooms; so many that the members of one are on as many edges as can be, and
    evenly spread publishers are in different rooms."""
    rooms = max(1, round(connections / members))
    while not coprime(rooms, (members, edges)):
        rooms += 1
    return rooms


class Point:
    """A place on a curve. Whoever talks is in a room of `members` others, or in several."""

    def __init__(self, x, rooms, members=MEMBERS, edges=2, rooms_each=1, everybody=0, payload=100,
                 per_s=PER_S, in_flight=IN_FLIGHT):
        self.x = x
        self.rooms = rooms
        self.edges = edges
        self.rooms_each = rooms_each
        self.talkers = -(-rooms * members // rooms_each)
        self.connections = max(self.talkers, everybody)
        self.payload = payload
        self.per_s = per_s
        self.wanted = in_flight

    def spread(self, wanted):
        """So many publishers, or a few less, that no two are in a room, or heard by the same, while that can
        be: the generator's rooms repeat by the numbers that the distance between publishers must not share."""
        count = min(wanted, self.talkers)
        while not coprime(self.talkers // count, (self.rooms, self.rooms // self.rooms_each)):
            count -= 1
        return count

    def load(self, kind):
        if kind == "paced":
            return ["--publishers", str(self.spread(self.rooms)), "--rate", str(self.per_s)]
        publishers = self.spread(self.wanted)
        return ["--publishers", str(publishers), "--in-flight", str(max(1, round(self.wanted / publishers)))]

    def arguments(self):
        return ["--connections", str(self.talkers), "--rooms", str(self.rooms), "--rooms-each",
                str(self.rooms_each), "--rooms-each-min", str(self.rooms_each), "--payload-bytes",
                str(self.payload)]


# --- the curves -------------------------------------------------------------------------------------


class Curve:
    def __init__(self, name, title, x_title, fixed, points, expected, explanation):
        self.name = name
        self.title = title
        self.x_title = x_title
        self.fixed = fixed  # what stays, in words; with {…} of the sizes
        self.points = points  # a function of the sizes
        self.expected = expected  # what "per delivery" should do, in words
        self.explanation = explanation  # where it bends and why; written by people, after measuring


class Sizes:
    """What is measured, reduced or in full."""

    def __init__(self, full):
        self.full = full
        self.connections = [1000, 3000, 10000, 30000, 100000] + ([200000] if full else [])
        self.rooms = [1, 11, 101, 1001, 10001] + ([100001] if full else [])
        self.members = [10, 30, 100, 300, 1000, 3000, 10000, 30000] if full else [10, 100, 1000, 10000]
        self.edges = [1, 2, 4, 8, 15, 30]
        self.payloads = [16, 100, 1024, 8192, 65536]
        self.many_edges = -(-self.connections[-1] // PER_EDGE)
        self.lot = 20000 if full else 10000  # connections of the curve of rooms
        self.crowd = self.members[-1]  # connections of the curve of members
        self.duration = 3.0 if full else 1.5
        self.repetitions = 3 if full else 1


def by_connections(sizes):
    return [Point(n, rooms_for(n, MEMBERS, sizes.many_edges), edges=sizes.many_edges)
            for n in sizes.connections]


def by_rooms(sizes):
    return [Point(rooms, rooms, rooms_each=max(1, rooms * MEMBERS // sizes.lot), everybody=sizes.lot)
            for rooms in sizes.rooms]


def by_members(sizes):
    points = []
    for members in sizes.members:
        rooms = rooms_for(sizes.crowd, members, 2)
        points.append(Point(members, rooms, members, per_s=max(2, 60000 // members), in_flight=rooms))
    return points


def by_edges(sizes):
    return [Point(edges, 601, edges=edges) for edges in sizes.edges]


def by_payload(sizes):
    return [Point(size, 101, payload=size, per_s=300, in_flight=101) for size in sizes.payloads]


CURVES = [
    Curve("connections", "Connections", "connections",
          "{many_edges} edges; rooms of 10, so a tenth as many rooms as connections; 2,000 messages a second "
          "in all, 400 in flight when saturated; somebody speaks in every room", by_connections, "flat",
          """\
A delivery costs the same among a thousand connections and among a hundred thousand: nothing that it does looks at
others than the members of its room. What is left of a slope in the saturated figures at the small end is that
1,010 connections share 400 messages in flight, so that some get two of them with one `send`; from 10,010 on
each message has connections of its own. Processor caches are the other part: the more connections speak, the
less of what a delivery touches (the connection, its socket in the kernel) is still in them. Memory falls to a floor:
what the edges and the router have once (tables, buffers of the storm that just ended, about 60 KiB for an edge) is
divided by more connections."""),
    Curve("rooms", "Rooms", "rooms",
          "2 edges, {lot:,} connections, 10 members in each room; 2,000 messages a second in all, 400 in "
          "flight when saturated. Whoever is in no room only listens; in the larger ones a connection is in "
          "several", by_rooms, "flat",
          """\
Paced, the line rises to 101 rooms and is flat from there on. In one room the same ten connections hear all
2,000 messages of a second, so a turn of an edge often has two or more for each, and they leave in one `send`; in
101 rooms they hardly ever meet. It is the number of sends that grows, not what a message costs: 95 % of an edge's
time is below `send`. Saturated, the same is stronger: with 400 messages in flight, a member of one room gets
dozens with one `send`, of 101 rooms four, and from 1,001 on each message has members of its own. Rooms that
nobody speaks in cost nothing but memory. A connection is in at most one room up to 1,001 rooms, and in ten (with
--full: fifty) in the last row. What each of them adds is a membership at the edge and at the router and a tenth of
a room, about 110 bytes together; the figure is per connection, so it grows with them."""),
    Curve("members", "Members of a room", "members of each room",
          "2 edges, about {crowd:,} connections, each in one room; 60,000 deliveries a second, about "
          "{crowd:,} in flight when saturated: so the larger the rooms, the fewer messages", by_members,
          "falls",
          """\
A message costs what it costs once (read, checked, numbered, kept, written into two batches: all of the router's part,
and a wake of each process on its way) and what each member costs (one `send` of the kernel). The router's part
per delivery is therefore in proportion to 1 / members, until it is nearly nothing. The edges' part is the
`send`, and flat. Latency is in proportion to the members from 1,000 on: an edge sends to one after the other,
about 10 µs each on this machine, so half of 10,000 have it after some 50 ms, and the last one after twice as
long. The saturated figures have an equal number of deliveries in flight everywhere, and are flat."""),
    Curve("edges", "Edges", "edges",
          "6,010 connections in 601 rooms of 10, whose members are on as many edges as can be; 2,000 messages "
          "a second in all, 400 in flight when saturated; two processors", by_edges, "grows to 10 edges",
          """\
The ten members of a room are on one edge, on two, … on ten: a message goes to as many edges as have members, and to
no others. So the paced line rises while the edges that a message reaches do, and is flat from 10 on: 15 or 30 edges
cost what 10 do, and nothing is done for each edge in each turn. The slope is the price of a hop: at this pace each edge is woken for
a single message, and so are the thread of ZeroMQ that receives it and the one of the router that sends it. `perf`
at 15 edges: 67 % of the router's time is ZeroMQ's thread in the kernel (a TCP send to each edge), 12 % the router's own
code and libraries. Saturated, a batch to an edge has many messages, hops are shared, and the line is nearly
flat. With more edges than processors they also wait for one another, which p99 shows. Memory per
connection grows because each edge has about 70 KiB of its own and the router about as much for it (batches, and the
edges of each room), and 30 of them have only 6,010 connections."""),
    Curve("payload", "Size of a message", "bytes of payload",
          "2 edges, 1,010 connections in 101 rooms of 10; 300 messages a second, 101 in flight when "
          "saturated", by_payload,
          "a constant, and then linear in bytes",
          """\
Up to some KiB a message costs what it costs at 16 bytes: calls and wakes, not bytes. Then bytes take over, and the
line goes towards proportion (the slope of the last step). Each byte is copied to an edge, to the router, to both
edges, and to each of ten members; nowhere is it looked at more than once. `perf` of the router with 64 KiB:
14 % the search for the end of the JSON text, 12 % copies (into the history, into the batch of each edge, into
the message of each), 14 % pages that the kernel clears for them, the rest sends and receives. Of the edges: copies
in `send`. Latency grows by the time that ten copies of 64 KiB take."""),
]


# --- a run ------------------------------------------------------------------------------------------


class Run:
    """Servers of its own, who only listens, and splitrail-bench."""

    def __init__(self, point, sizes, directory):
        self.point = point
        self.sizes = sizes
        policy = os.path.join(directory, "policy.json")
        with open(policy, "w", encoding="ascii") as file:
            json.dump({"default": {"presence": {"events": "off"}}}, file)
        self.cluster = e2e.Cluster(
            edges=point.edges,
            router_options=["--max-messages-per-second", "0", "--max-bytes-per-second", "0",
                            "--connect-rate", "0", "--policy-file", policy, "--max-message", "256KiB"],
            edge_options=["--max-connections-per-ip", "0", "--max-input-per-second", "0", "--max-message",
                          "256KiB", "--max-output", "64MiB", "--max-output-total", "1GiB"])
        self.listeners = None
        self.empty = self.memory()

    def memory(self):
        """Private bytes of router and edges."""
        return {program.name: restart.private_kib(program.pid) * 1024 for program in self.cluster.programs}

    def ends(self, name, connections):
        # As many addresses as share no divisor with the edges: each address speaks to all of them.
        args = ["--processes", str(-(-connections // PER_EDGE)), "--source-addresses",
                str(max(5, self.point.edges + 1)), "--connecting", "128"]
        for edge in self.cluster.edges:
            args += ["--url", edge.url + "?token=%s{user}" % name]
        return args

    def listen(self):
        """Those who are connected and in no room."""
        count = self.point.connections - self.point.talkers
        if count > 0:
            self.listeners = restart.Bench("listeners", "--connections", str(count), "--rooms-each", "0",
                                           "--rooms-each-min", "0", *self.ends("l", count))
            self.listeners.await_event("ready")

    def talk(self, kind):
        args = [*self.ends("u", self.point.talkers), *self.point.arguments(), *self.point.load(kind),
                "--warmup", "%dms" % (WARM_UP_S * 1000), "--duration", "%dms" % (self.sizes.duration * 1000)]
        if kind == "paced":
            args += ["--silence", "6s"]  # edges give memory back some seconds after a storm
        for program in self.cluster.programs:
            args += ["--pid", "%s=%d" % (program.name, program.pid)]
        with tempfile.NamedTemporaryFile("r", suffix=".json") as file:
            bench = subprocess.Popen([BENCH, *args, "--progress-json", "--json", file.name],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            try:
                bench.wait(PATIENCE_S)
                return json.load(file)
            except (subprocess.TimeoutExpired, ValueError):
                return {"trouble": "the generator ended with %s" % bench.returncode}
            finally:
                bench.kill()
                bench.wait()

    def close(self):
        if self.listeners:
            self.listeners.close()
        self.cluster.close()


def by_part(values):
    """{"router": …, "edges": …} of a dictionary by name of process."""
    router = values.get("router", 0)
    return {"router": router, "edges": sum(values.values()) - router}


def what_was_wrong(report):
    """In words, with the reasons of those who were closed or did not come."""
    reasons = {**report.get("failures", {}), **report.get("closes", {})}
    wrong = flaws(report)
    return wrong + " (%s)" % ", ".join(sorted(reasons)) if wrong and reasons else wrong


def figures(run, kind, report):
    """What of a run goes into the report."""
    row = {"flaws": what_was_wrong(report), "load": report.get("load")}
    if "trouble" in report or not report["deliveries_per_s"]:
        return row
    name_of = lambda process: process["process"].split("=")[0]  # noqa: E731
    spent = by_part({name_of(p): p["cpu_publishing_ms"] for p in report["processes"]})
    per_ms = report["cpu_us_per_delivery"] / sum(spent.values())
    row["cpu"] = {part: ms * per_ms for part, ms in spent.items()}
    row["rate"] = report["deliveries_per_s"]
    row.update({key: report["latency"][key + "_us"] / 1e3 for key in ("p50", "p99", "p999")})
    if kind == "paced":
        grown = by_part({name_of(p): p["private_ready"] - run.empty[name_of(p)] for p in report["processes"]})
        row["bytes"] = {part: value / run.point.connections for part, value in grown.items()}
        row["late"] = report["deliveries_per_s"] < 0.95 * run.point.per_s * (
            report["account"]["expected"] / max(1, report["sent"]))
    return row


def measure(point, sizes, kind):
    with tempfile.TemporaryDirectory(prefix="splitrail-growth-") as directory:
        try:
            run = Run(point, sizes, directory)
        except (AssertionError, OSError, subprocess.TimeoutExpired) as e:
            return {"flaws": "did not start: %s" % e, "load": None}
        try:
            run.listen()
            return figures(run, kind, run.talk(kind))
        except SystemExit as e:  # of those who only listen
            return {"flaws": str(e), "load": None}
        finally:
            try:
                run.close()
            except (AssertionError, subprocess.TimeoutExpired) as e:
                print("  %s" % e, flush=True)


def say(point, kind, row):
    cpu = row.get("cpu", {"router": 0, "edges": 0})
    bytes_each = sum(row.get("bytes", {}).values())
    print("  %8d %-9s %7.2f us/delivery (router %.2f)  %9.0f/s  p50 %7.2f p99 %7.2f ms  %s%s%s" % (
        point.x, kind, sum(cpu.values()), cpu["router"], row.get("rate", 0), row.get("p50", 0),
        row.get("p99", 0), "%.0f B" % bytes_each if bytes_each else "", " LATE" if row.get("late") else "",
        "   FLAWED: " + row["flaws"] if row["flaws"] else ""), flush=True)


def measure_all(curves, sizes):
    """results[curve][number of the point] = {"paced": rows, "saturated": rows}."""
    results = {c.name: [{"paced": [], "saturated": []} for _ in c.points(sizes)] for c in curves}
    for repetition in range(sizes.repetitions):
        for curve in curves:
            print("%d/%d %s" % (repetition + 1, sizes.repetitions, curve.title), flush=True)
            for number, point in enumerate(curve.points(sizes)):
                for kind in ("paced", "saturated"):
                    row = measure(point, sizes, kind)
                    results[curve.name][number][kind].append(row)
                    say(point, kind, row)
    return results


def described(curve, sizes):
    """What of a curve the report needs. Words are taken when the report is written."""
    return {"name": curve.name, "fixed": curve.fixed.format(**vars(sizes)),
            "points": [{"x": p.x, "connections": p.connections, "rooms": p.rooms, "edges": p.edges}
                       for p in curve.points(sizes)]}


def check_machine(curves, sizes):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < PER_EDGE + 200:
        raise SystemExit("a process may have %d descriptors; %d are needed (ulimit -Hn)" % (
            hard, PER_EDGE + 200))
    need = max(p.connections for c in curves for p in c.points(sizes)) * BYTES_EACH
    if need > meminfo("MemAvailable"):
        raise SystemExit("needs about %.1f GB, %.1f are there" % (need / 1e9, meminfo("MemAvailable") / 1e9))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--full", action="store_true", help="all sizes, three times")
    parser.add_argument("--curve", action="append", metavar="NAME[,NAME…]")
    parser.add_argument("--repetitions", type=int)
    parser.add_argument("--duration", type=float, help="seconds of publishing, measured")
    parser.add_argument("--out", help="directory for GROWTH.md and benchmarks/")
    parser.add_argument("--write", action="store_true", help="only write the report, from the JSON file")
    parser.add_argument("--list", action="store_true", help="curves and what stays")
    return parser.parse_args()


def main():
    options = parse()
    sizes = Sizes(options.full)
    sizes.repetitions = options.repetitions or sizes.repetitions
    sizes.duration = options.duration or sizes.duration
    curves = chosen(CURVES, options.curve)
    out = options.out or os.path.join(ROOT, *(("build", "bench") if options.curve else ("docs",)))
    if options.list:
        for curve in curves:
            print("%-12s %s" % (curve.name, curve.fixed.format(**vars(sizes))))
        return
    if not options.write:
        own_network()
        check_machine(curves, sizes)
        started = time.monotonic()
        results = measure_all(curves, sizes)
        comparison_report.save(out, "growth", {
            "machine": machine(), "took_s": time.monotonic() - started,
            "repetitions": sizes.repetitions, "duration_s": sizes.duration, "results": results,
            "curves": [described(curve, sizes) for curve in curves]})
    flawed = growth_report.write(out, {curve.name: curve for curve in CURVES})
    print(os.path.join(out, "GROWTH.md"))
    sys.exit(1 if flawed else 0)


if __name__ == "__main__":
    main()
