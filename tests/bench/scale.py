#!/usr/bin/python3
"""Very many idle connections on one machine, both ends here, in rooms and visible to the router.

    ./dev bench scale --connections 200000
    ./dev bench scale --connections 1000000          needs about 16 GB, and what docs/TESTING.md says

One edge and one process of splitrail-bench for each 17,000 connections, because a process may have 20,000
descriptors here. Each connection is a user of its own, in a room of ten and in the room "all". Measured are
joining, memory (edges, router, kernel), processor time of silence with heartbeats, messages of the operator
to all, and the router killed with all of them connected. Writes docs/benchmarks/scale.json and the report.
Exit code 1 when a connection was lost or did not hear everything.
"""

import argparse
import json
import os
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
import comparison_report  # noqa: E402
import restart  # noqa: E402
from compare import machine  # noqa: E402

PER_EDGE = 17000
BYTES_EACH = 15000  # both ends, kernel and userland, with something to spare
PATIENCE_S = 600


def meminfo(name):
    with open("/proc/meminfo", encoding="ascii") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith(name + ":"))


class Scale:
    def __init__(self, options):
        self.options = options
        self.n = options.connections
        self.edges = options.edges or -(-self.n // PER_EDGE)
        self.processes = -(-self.n // PER_EDGE)
        self.lines = []
        self.wrong = []
        self.dir = tempfile.mkdtemp(prefix="splitrail-scale-")
        policy = os.path.join(self.dir, "policy.json")
        with open(policy, "w", encoding="ascii") as file:
            json.dump({"default": {"presence": {"events": "off"}}}, file)
        self.cluster = e2e.Cluster(
            edges=self.edges, edge_options=["--max-connections-per-ip", "0"],
            router_options=["--policy-file", policy, "--rebuild-window", "3s", "--connect-rate", "0", "--max-members",
                            str(self.n + 1000), "--max-rooms", str(self.n + 1000), "--max-users",
                            str(2 * self.n)])

    def tell(self, what, value):
        self.lines.append([what, value])
        print("%-44s %s" % (what, value), flush=True)

    def memory(self):
        return {"router": restart.private_kib(self.cluster.router.pid) * 1024,
                "edges": sum(restart.private_kib(e.program.pid) for e in self.cluster.edges) * 1024,
                "slab": meminfo("Slab") + meminfo("Percpu"), "tcp": restart.tcp_buffers_kib() * 1024}

    def cpu(self):
        return {"router": restart.cpu_s(self.cluster.router.pid),
                "edges": sum(restart.cpu_s(e.program.pid) for e in self.cluster.edges)}

    def join_all(self):
        before, cpu = self.memory(), self.cpu()
        args = ["--connections", str(self.n), "--rooms", str(max(1, self.n // 10)), "--processes",
                str(self.processes), "--source-addresses", str(min(250, max(8, self.edges))),
                "--connecting", "128", "--hello", '{"type":"join","room":"all","id":9}',
                "--joined", '"type":"ok","id":1,', "--progress", "50ms", "--settle", "60s"]
        for edge in self.cluster.edges:
            args += ["--url", edge.url + "?token=u{user}"]
        began = time.monotonic()
        restart.PATIENCE_S = PATIENCE_S
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
        for who, name in (("edges", "edge, userland"), ("router", "router, userland"),
                          ("slab", "kernel, both ends: sockets, files, inodes"),
                          ("tcp", "kernel, both ends: TCP buffers")):
            self.tell("bytes per connection, " + name, "%.0f" % ((after[who] - before[who]) / self.n))

    def beat(self):
        """Silence, in which only heartbeats go."""
        cpu, began = self.cpu(), time.monotonic()
        time.sleep(self.options.silence)
        spent, seconds = self.cpu(), time.monotonic() - began
        beats = self.n * seconds / 30
        self.tell("CPU of silence with a heartbeat in 30 s, edges",
                  "%.1f %% of a core, %.1f µs a heartbeat" % (
                      (spent["edges"] - cpu["edges"]) * 100 / seconds,
                      (spent["edges"] - cpu["edges"]) * 1e6 / beats))
        self.tell("the same, router", "%.2f %% of a core" % (
            (spent["router"] - cpu["router"]) * 100 / seconds))

    def heard(self, since_us):
        """Messages that came after that time, and when the last line with any was."""
        lines = [line for line in list(self.load.lines) if "phase" in line and line["at_us"] > since_us]
        return (sum(line["messages"] for line in lines),
                max((line["at_us"] for line in lines if line["messages"]), default=since_us))

    def broadcast(self):
        took, each = [], []
        for number in range(self.options.broadcasts):
            time.sleep(1)
            cpu = self.cpu()
            since_us = time.monotonic_ns() // 1000
            self.cluster.ctl("publish", "all", '{"number":%d}' % number)
            end = time.monotonic() + PATIENCE_S
            while self.heard(since_us)[0] < self.n and time.monotonic() < end:
                time.sleep(0.02)
            count, last_us = self.heard(since_us)
            if count != self.n:
                self.wrong.append("a message to all came %d times" % count)
            spent = self.cpu()
            took.append((last_us - since_us) / 1e6)
            each.append(sum(spent[who] - cpu[who] for who in spent) * 1e6 / self.n)
        self.tell("a message to all of them", "%.2f s until the last one had it, %.1f µs of server CPU each"
                  % (statistics.median(took), statistics.median(each)))

    def await_router(self, check, since):
        while not check():
            if time.monotonic() - since > PATIENCE_S:
                self.wrong.append("the router did not come back")
                break
            time.sleep(0.02)
        return time.monotonic() - since

    def announced(self):
        try:
            return self.cluster.metrics().get("splitrail_router_connections", 0) >= self.n
        except (OSError, ValueError):
            return False

    def restart_router(self):
        since = time.monotonic()
        self.cluster.router.kill()
        self.cluster.start_router()
        announced = self.await_router(self.announced, since)
        ready = self.await_router(self.cluster.router_ready, since)
        self.tell("router killed and started", "%.2f s until all were announced, %.2f s until /ready; "
                  "%.2f s of its CPU" % (announced, ready, restart.cpu_s(self.cluster.router.pid)))

    def run(self):
        self.tell("load average before", "%.1f" % os.getloadavg()[0])
        self.join_all()
        self.beat()
        self.broadcast()
        for _ in range(self.options.restarts):
            self.restart_router()
        report = self.load.close()
        if report["ready"] != self.n or report["closes"] or report["failures"]:
            self.wrong.append("ready %d, closed %s, failed %s" % (
                report["ready"], report["closes"], report["failures"]))
        self.tell("connections lost in all this", "%d" % (self.n - report["ready"] + report["closed"]))
        for line in self.wrong:
            print("WRONG " + line)

    def close(self):
        try:
            self.cluster.close()
        finally:
            os.unlink(os.path.join(self.dir, "policy.json"))
            os.rmdir(self.dir)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--connections", type=int, default=200000)
    parser.add_argument("--edges", type=int, help="without it one for each %d" % PER_EDGE)
    parser.add_argument("--silence", type=float, default=35, help="seconds in which heartbeats are measured")
    parser.add_argument("--settle", type=float, default=6, help="seconds before memory is read")
    parser.add_argument("--broadcasts", type=int, default=3)
    parser.add_argument("--restarts", type=int, default=1)
    parser.add_argument("--force", action="store_true", help="also when memory looks too little")
    parser.add_argument("--out", default=os.path.join(ROOT, "docs"),
                        help="directory for BENCHMARKS.md and benchmarks/")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < PER_EDGE + 200:
        parser.error("a process may have %d descriptors; %d are needed (ulimit -Hn)" % (hard, PER_EDGE + 200))
    need, there = options.connections * BYTES_EACH, meminfo("MemAvailable")
    if need > there and not options.force:
        parser.error("needs about %.1f GB, %.1f are there (--force tries)" % (need / 1e9, there / 1e9))
    scale = Scale(options)
    try:
        scale.run()
    finally:
        scale.close()
    comparison_report.save(options.out, "scale", {
        "connections": options.connections, "edges": scale.edges, "processes": scale.processes,
        "lines": scale.lines, "wrong": scale.wrong, "machine": machine()})
    comparison_report.write(options.out)
    sys.exit(1 if scale.wrong else 0)


if __name__ == "__main__":
    main()
