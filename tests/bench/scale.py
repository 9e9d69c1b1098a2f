#!/usr/bin/python3
"""Very many idle connections on one machine, both ends here, in rooms and visible to the router.

    ./dev bench scale                                200,000; about 3 GB, a few minutes
    ./dev bench scale --connections 1000000          about 12.5 GB; says what else the machine must allow

One edge and one process of splitrail-bench for each 17,000 connections, because a process may have 20,000
descriptors here. Each connection is a user of its own, in a room of ten and in the room "all". Measured are
joining, memory (edges, router, kernel), processor time of silence with heartbeats and the spread of pings,
messages of the operator to all, and the router killed with all of them connected: time until all were
announced, turns of its loop, presence afterwards. Writes docs/benchmarks/scale.json and docs/SCALE.md. Exit
code 1 when a connection was lost, did not hear everything, or presence was not exact.
"""

import argparse
import math
import os
import random
import resource
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

import cluster as e2e  # noqa: E402
import restart  # noqa: E402
import scale_machine  # noqa: E402
import scale_report  # noqa: E402
from compare import machine  # noqa: E402

PER_EDGE = 17000
HEARD_S = 60  # until all have heard a message to all, for each 200,000
ROOM = 10
BEAT_S = 30  # --heartbeat-interval as it comes
SAMPLE = 40
MANY = 500000
LOOP = "splitrail_router_loop_turn_"
STALL_S = 0.01


def value_of(page, name):
    """Of a metric of an edge, which names itself in a label."""
    return sum(value for key, value in page.items() if key.split("{")[0] == name)


class Scale:
    def __init__(self, options, own_network):
        self.options = options
        self.own_network = own_network
        self.n = options.connections
        self.edges = options.edges or -(-self.n // PER_EDGE)
        self.processes = -(-self.n // PER_EDGE)
        # Without a common divisor each edge is reached from each address. From a single one, ports would be
        # sought for longer and longer: the kernel tries all odd ones before the first even one.
        self.sources = next(count for count in range(250, 0, -1) if math.gcd(count, self.edges) == 1)
        self.rooms = max(1, self.n // ROOM)
        self.lines = []
        self.wrong = []
        self.load = None
        self.router_empty = 0  # bytes of a router that knows nobody
        self.policy = tempfile.NamedTemporaryFile("w", prefix="splitrail-scale-", suffix=".json")
        self.policy.write('{"default": {"presence": {"events": "off"}}}')
        self.policy.flush()
        self.free = scale_machine.meminfo("MemAvailable")
        restart.PATIENCE_S = 600 + self.n // 1000
        e2e.PATIENCE_S = 60 + self.n // 2000
        self.cluster = e2e.Cluster(
            edges=self.edges, edge_options=["--max-connections-per-ip", "0", *self.beats()],
            router_options=["--policy-file", self.policy.name, "--rebuild-window", "3s", "--connect-rate", "0",
                            "--max-members", str(self.n + 1000), "--max-rooms", str(self.n + 1000),
                            "--max-users", str(2 * self.n), *self.patience(), *self.beats()])

    def patience(self):
        """Of the router with silent edges: with more than a hundred processes on a few cores, some do not get
        one for seconds."""
        self.edge_dead = "3s" if self.n <= MANY else "15s"
        return [] if self.n <= MANY else ["--edge-dead", self.edge_dead, "--edge-suspect", "5s"]

    def beats(self):
        """As they come, unless asked otherwise: then a client has half the interval to answer."""
        beat = self.options.heartbeat
        return [] if beat == BEAT_S else ["--heartbeat-interval", "%ds" % beat, "--heartbeat-timeout", "%ds" % (beat // 2)]

    def tell(self, what, value):
        self.lines.append([what, value])
        print("%-46s %s" % (what, value), flush=True)

    def memory(self):
        return {"router": restart.private_kib(self.cluster.router.pid) * 1024,
                "edges": sum(restart.private_kib(e.program.pid) for e in self.cluster.edges) * 1024,
                "slab": scale_machine.meminfo("Slab") + scale_machine.meminfo("Percpu"),
                "tcp": restart.tcp_buffers_kib() * 1024, "caches": scale_machine.slab_by_cache(),
                "free": scale_machine.meminfo("MemAvailable")}

    def cpu(self):
        return {"router": restart.cpu_s(self.cluster.router.pid),
                "edges": sum(restart.cpu_s(e.program.pid) for e in self.cluster.edges)}

    def line(self):
        """What the generator said last."""
        return next(line for line in reversed(list(self.load.lines)) if "phase" in line)

    # --- turns of the router's loop

    def turns(self):
        page = self.cluster.metrics()
        bounds = {key.split('le="')[1].rstrip('"}'): value for key, value in page.items()
                  if key.startswith(LOOP + "seconds_bucket")}
        return {"bounds": bounds, "count": page[LOOP + "seconds_count"], "sum": page[LOOP + "seconds_sum"],
                "longest": page[LOOP + "longest_seconds"]}

    def tell_turns(self, what, before, after, first=""):
        """`before` None: since the start of the router, whose longest turn is known exactly."""
        start = before or {"bounds": {}, "count": 0}
        count = after["count"] - start["count"]
        by_bound = sorted((float(bound), value - start["bounds"].get(bound, 0))
                          for bound, value in after["bounds"].items())
        most = next(bound for bound, value in by_bound if value >= count)
        over = count - next(value for bound, value in by_bound if bound == STALL_S)
        text = "longest %.1f ms" % (after["longest"] * 1e3) if before is None else "all within %g ms" % (most * 1e3)
        self.tell("turns of the router's loop, " + what, "%s%s; %d of %d over 10 ms" % (
            first, text, over, count))

    def look(self):
        """What an operator may ask: lists over everything, each a moment for the loop."""
        for what in (("presence", "room", "all"), ("users", "--sort", "connections"), ("rooms", "--sort", "members"),
                     ("conns", "--sort", "age"), ("stats",)):
            before, began = self.turns(), time.monotonic()
            self.cluster.ctl("--timeout", "60s", *what)
            took = time.monotonic() - began
            self.tell_turns("splitrailctl " + " ".join(what), before, self.turns(), "answer in %.2f s; " % took)

    # --- the steps

    def join_all(self):
        before, cpu = self.memory(), self.cpu()
        self.router_empty = before["router"]
        args = ["--connections", str(self.n), "--rooms", str(self.rooms), "--processes",
                str(self.processes), "--source-addresses", str(self.sources),
                "--connecting", "128", "--hello", '{"type":"join","room":"all","id":9}',
                "--joined", '"type":"ok","id":1,', "--progress", "50ms", "--settle", "60s"]
        for edge in self.cluster.edges:
            args += ["--url", edge.url + "?token=u{user}"]
        began = time.monotonic()
        self.load = restart.Bench("idle", *args)
        self.load.await_event("settle")
        took = time.monotonic() - began
        self.load.await_event("ready")
        time.sleep(self.options.settle)  # edges give memory back some seconds after they met a router
        after, spent = self.memory(), self.cpu()
        self.tell("until all had joined", "%.1f s, %.0f a second" % (took, self.n / took))
        for who in ("edges", "router"):
            self.tell("CPU of the %s for it, per connection" % who,
                      "%.0f µs" % ((spent[who] - cpu[who]) * 1e6 / self.n))
        self.tell_turns("joining", None, self.turns())
        self.tell_memory(before, after)

    def tell_memory(self, before, after):
        def each(what):
            return (after[what] - before[what]) / self.n

        self.tell("bytes per connection, edge, userland", "%.0f" % each("edges"))
        self.tell("bytes per connection, router, userland", "%.0f" % each("router"))
        grown = scale_machine.slab_growth(before["caches"], after["caches"], self.n)
        self.tell("bytes per connection, kernel, both ends", "%.0f (%s)" % (
            each("slab"), ", ".join("%s %.0f" % row for row in grown[:8]) or "by cache: for root"))
        one = scale_machine.socket_bytes()
        if one:
            self.tell("bytes of the kernel's objects of one end", "%d" % one)
        self.tell("bytes per connection, TCP buffers, both ends", "%.0f" % each("tcp"))
        self.tell("bytes per connection, MemAvailable, everything", "%.0f" % (
            (self.free - after["free"]) / self.n))

    def beat(self):
        """Silence, in which only heartbeats go."""
        cpu, began = self.cpu(), self.line()
        time.sleep(self.options.silence)
        spent, ended = self.cpu(), self.line()
        seconds = (ended["at_us"] - began["at_us"]) / 1e6
        pings = ended["pings_ever"] - began["pings_ever"]
        used = spent["edges"] - cpu["edges"]
        self.tell("CPU of silence but for heartbeats, edges",
                  "%.1f %% of a core, %.2f µs a second for a connection, %.1f µs a heartbeat" % (
                      used * 100 / seconds, used * 1e6 / seconds / self.n, used * 1e6 / max(1, pings)))
        self.tell("the same, router", "%.2f %% of a core" % ((spent["router"] - cpu["router"]) * 100 / seconds))
        self.tell("pings", self.spread(began, ended, pings / seconds))
        due = self.n * seconds / self.options.heartbeat
        if not 0.8 * due < pings < 1.2 * due:
            self.wrong.append("%d pings in %.0f s, not about %d" % (pings, seconds, due))

    def spread(self, began, ended, mean):
        """The busiest times beside the mean, as the generator counted: it stands still when others have the
        processor, and then hears many at once."""
        lines = [line for line in list(self.load.lines)
                 if "phase" in line and began["at_us"] < line["at_us"] <= ended["at_us"]]

        def busiest(interval_us):
            most, last = 0, began
            for line in lines:
                took = line["at_us"] - last["at_us"]
                if took >= interval_us:
                    most, last = max(most, (line["pings_ever"] - last["pings_ever"]) * 1e6 / took), line
            return most / max(1, mean)

        return "%.0f a second; %.2f times as many in the busiest second, %.2f in the busiest 100 ms" % (
            mean, busiest(1000000), busiest(100000))

    def await_heard(self, target, seconds):
        """The first line in which so many messages had been heard, or the last one."""
        end = time.monotonic() + seconds
        while self.line()["messages_ever"] < target and time.monotonic() < end:
            time.sleep(0.02)
        return next((line for line in list(self.load.lines)
                     if "phase" in line and line["messages_ever"] >= target), self.line())

    def edges_sent(self):
        return [value_of(edge.metrics(), "ws_messages_sent_total") for edge in self.cluster.edges]

    def broadcast(self):
        took, each, before = [], [], self.turns()
        for number in range(self.options.broadcasts):
            time.sleep(1)
            cpu, heard, sent = self.cpu(), self.line()["messages_ever"], self.edges_sent()
            since_us = time.monotonic_ns() // 1000
            self.cluster.ctl("publish", "all", '{"number":%d}' % number)
            line = self.await_heard(heard + self.n, HEARD_S * max(1, self.n / 200000))
            spent = self.cpu()
            if line["messages_ever"] - heard != self.n:
                self.lacking(number, line["messages_ever"] - heard, sent)
                return False
            took.append((line["at_us"] - since_us) / 1e6)
            each.append(sum(spent[who] - cpu[who] for who in spent) * 1e6 / self.n)
        if took:
            self.tell("a message to all of them", "%.2f s until the last one had it, %.1f µs of server CPU each"
                      % (statistics.median(took), statistics.median(each)))
        self.tell_turns("messages to all", before, self.turns())
        return True

    def lacking(self, number, heard, sent):
        """Which edge did not send it; who of the clients did not hear it is in the report at the end."""
        self.wrong.append("message %d to all was heard %d times" % (number, heard))
        line = self.line()
        print("closed so far: %d, pings so far: %d" % (line["closed"], line["pings_ever"]))
        for edge, before, now in zip(self.cluster.edges, sent, self.edges_sent()):
            page = edge.metrics()
            held = value_of(page, "ws_active_connections")
            ended = {key: count for key, count in page.items() if count and key.startswith("ws_disconnections")}
            if now - before != held or ended:
                print("%s has %d connections and sent %d messages; ended %s; it said last: %s" % (
                    edge.id, held, now - before, ended, edge.program.lines[-4:]))
        print("router: %s" % self.cluster.router.lines[-3:])

    def await_router(self, check, since):
        while not check():
            if time.monotonic() - since > restart.PATIENCE_S:
                self.wrong.append("the router did not come back")
                break
            time.sleep(0.05)
        return time.monotonic() - since

    def announced(self):
        try:
            return self.cluster.metrics().get("splitrail_router_connections", 0) >= self.n
        except (OSError, ValueError):
            return False

    def restart_router(self):
        cpu = self.cpu()["edges"]
        since = time.monotonic()
        self.cluster.router.kill()
        self.cluster.start_router()
        announced = self.await_router(self.announced, since)
        ready = self.await_router(self.cluster.router_ready, since)
        self.tell("router killed and started", "%.2f s until all were announced, %.2f s until /ready (synced)" % (
            announced, ready))
        spent = self.cpu()
        self.tell("CPU for it, per connection", "router %.1f µs, edges %.1f µs" % (
            spent["router"] * 1e6 / self.n, (spent["edges"] - cpu) * 1e6 / self.n))
        self.tell_turns("everything announced", None, self.turns())
        time.sleep(self.options.settle)
        self.tell("bytes per connection, router, after it", "%.0f" % (
            (restart.private_kib(self.cluster.router.pid) * 1024 - self.router_empty) / self.n))

    def presence(self):
        """Counts, and some by name."""
        page = self.cluster.metrics()
        rooms = self.rooms + 1
        for name, wanted in (("users", self.n), ("connections", self.n), ("members", 2 * self.n), ("rooms", rooms),
                             ("detached_connections", 0), ("registry_divergence_total", 0)):
            if page["splitrail_router_" + name] != wanted:
                self.wrong.append("%s: %d, not %d" % (name, page["splitrail_router_" + name], wanted))
        some = random.sample(range(self.n), min(SAMPLE, self.n))
        answer = self.cluster.ctl("presence", "user", *("user_u%d" % user for user in some))["users"]
        online = sum(1 for user in answer if user["online"])
        if online != len(some):
            self.wrong.append("%d of %d users are online" % (online, len(some)))
        members = [len(self.cluster.ctl("presence", "room", "r%d" % room)["members"])
                   for room in random.sample(range(self.rooms), min(8, self.rooms))]
        if any(count != ROOM for count in members):
            self.wrong.append("rooms of ten have %s" % members)
        self.tell("presence after it", "users %d of %d, memberships %d, rooms %d; %d users and %d rooms one by one"
                  % (page["splitrail_router_users"], self.n, page["splitrail_router_members"],
                     page["splitrail_router_rooms"], online, len(members)))

    def run(self):
        self.tell("load average before", "%.1f" % os.getloadavg()[0])
        self.join_all()
        self.beat()
        if self.broadcast():
            self.look()
            self.restart()
        self.judge(self.load.close())

    def restart(self):
        for _ in range(self.options.restarts):
            self.restart_router()
            self.presence()

    def judge(self, report):
        if report["ready"] != self.n or report["closes"] or report["failures"]:
            self.wrong.append("ready %d, closed %s, failed %s" % (
                report["ready"], report["closes"], report["failures"]))
        if len(report["heard_each"]) != 1:
            self.wrong.append("messages heard: connections %s" % report["heard_each"])
            for one in report["laggards"]:
                edge = self.cluster.edges[one["target"]]
                print("connection %(connection)d, port %(port)d, heard %(heard)d; unread %(unread)d bytes, unsent: "
                      "%(unsent)s" % one + "; at " + edge.id)
        self.tell("connections lost in all this", "%d" % (self.n - report["ready"] + report["closed"]))
        self.tell("messages heard: connections", ", ".join(
            "%s: %s" % row for row in sorted(report["heard_each"].items())))
        for line in self.wrong:
            print("WRONG " + line)

    def close(self):
        try:
            if self.load and self.load.process.poll() is None:
                self.load.process.kill()  # its workers die with it
                self.load.process.wait()
            self.cluster.close()
        finally:
            self.policy.close()


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--connections", type=int, default=200000)
    parser.add_argument("--edges", type=int, help="without it one for each %d" % PER_EDGE)
    parser.add_argument("--silence", type=float, default=35, help="seconds in which heartbeats are measured")
    parser.add_argument("--heartbeat", type=int, default=BEAT_S, help="seconds between pings to a connection")
    parser.add_argument("--settle", type=float, default=6, help="seconds before memory is read")
    parser.add_argument("--broadcasts", type=int, default=3)
    parser.add_argument("--restarts", type=int, default=1)
    parser.add_argument("--leave-mib", type=int, default=1024, help="memory that stays free for others")
    parser.add_argument("--here", action="store_true", help="in the network of the machine, not in one of its own")
    parser.add_argument("--set-sysctls", action="store_true", help="sets what the machine does not allow yet")
    parser.add_argument("--force", action="store_true", help="also when the machine looks too small")
    parser.add_argument("--out", default=os.path.join(ROOT, "docs"),
                        help="directory for SCALE.md and benchmarks/")
    return parser


def check_machine(parser, options):
    """Whether it has a network of its own. Does not come back from a machine that is too small."""
    per_edge = -(-options.connections // (options.edges or -(-options.connections // PER_EDGE)))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    leave = options.leave_mib * 1024 * 1024
    there = scale_machine.Machine(options.connections, max(per_edge, 1000), leave, options.here)
    if options.set_sysctls:
        there.set()
        there = scale_machine.Machine(options.connections, max(per_edge, 1000), leave, True)
    for hint in there.hints:
        print("this may be slow without\n    sysctl -w %s=\"%s\"   # %s" % hint)
    if there.needs and not options.force:
        parser.error("what is missing (--force tries all the same):\n    " + "\n    ".join(there.needs))
    return there.own


def main():
    parser = parse()
    options = parser.parse_args()
    own = check_machine(parser, options)
    guard = scale_machine.Guard(options.leave_mib * 1024 * 1024)
    scale = Scale(options, own)
    try:
        scale.run()
    except KeyboardInterrupt:
        sys.exit("memory ran short, ended" if guard.short else "interrupted")
    finally:
        scale.close()
    scale_report.save(options.out, {
        "connections": options.connections, "edges": scale.edges, "processes": scale.processes,
        "per_edge": PER_EDGE, "own_network": own, "edge_dead": scale.edge_dead, "heartbeat": options.heartbeat,
        "lines": scale.lines, "wrong": scale.wrong,
        "machine": machine()})
    sys.exit(1 if scale.wrong else 0)


if __name__ == "__main__":
    main()
