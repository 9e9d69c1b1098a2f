#!/usr/bin/python3
"""A router that is killed, or stopped, and started again under many idle connections.

    ./dev bench restart
    SPLITRAIL_BIN=build/release/bin tests/bench/restart.py [--connections 50000] [--edges 4]
        [--rooms 10000] [--restarts 6] [--durable] [--window 3s] [--prefer] [--json FILE]

The connections, each in a room or two, sit on EDGES edges and say nothing. One more edge has few
clients who publish all the time: what they suffer while the others announce shows whether live
traffic goes first. Each restart is timed from the signal: router started again, first delivery
between live clients, all connections announced, /ready. Memory is read when it is quiet again. At the
end splitrail-bench says who was closed, what the idle clients heard, and whether a message of the
live ones was lost, repeated or reordered. Exit code 1 when somebody was closed or heard what he should
not, a message went wrong, a restart took longer than --limit, or memory grew by more than --memory.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

import cluster as e2e  # noqa: E402

PATIENCE_S = 60
DESCRIPTORS = 19000  # of one process, with some to spare
# A new router has no history of memory rooms, and says so.
ALLOWED_KINDS = {"epoch"}


def private_kib(pid):
    with open("/proc/%d/smaps_rollup" % pid) as f:
        return sum(int(line.split()[1]) for line in f if line.startswith("Private_"))


def tcp_buffers_kib():
    with open("/proc/net/sockstat") as f:
        line = next(line for line in f if line.startswith("TCP:")).split()
    return int(line[line.index("mem") + 1]) * os.sysconf("SC_PAGESIZE") // 1024


def cpu_s(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def prefer(pid):
    """Its threads run before everything else on this machine. They inherit it, so early is enough."""
    for task in os.listdir("/proc/%d/task" % pid):
        os.sched_setscheduler(int(task), os.SCHED_RR, os.sched_param(1))


class Bench:
    """One splitrail-bench that runs until close(); its progress lines are kept."""

    def __init__(self, name, *args):
        self.name = name
        self.report_file = tempfile.NamedTemporaryFile(suffix=".json")
        self.lines = []
        self.process = subprocess.Popen(
            [os.path.join(e2e.BIN, "splitrail-bench"), *args, "--until-eof", "--progress-json", "--json",
             self.report_file.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def event(self, name):
        return next((line for line in list(self.lines) if line.get("event") == name), None)

    def await_event(self, name):
        end = time.monotonic() + PATIENCE_S
        while self.event(name) is None:
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit("%s: did not get to '%s'" % (self.name, name))
            time.sleep(0.05)

    def close(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE_S)
        self.reader.join(PATIENCE_S)
        return json.load(self.report_file)


class Restarts:
    def __init__(self, options):
        self.options = options
        self.data = tempfile.mkdtemp(prefix="splitrail-restart-") if options.durable else None
        router = ["--rebuild-window", options.window, "--max-messages-per-second", "0"]
        if self.data:
            router += ["--data-dir", self.data]
        edge = ["--max-connections-per-ip", "0"]
        self.cluster = e2e.Cluster(edges=options.edges + 1, router_options=router, edge_options=edge)
        self.rows = []

    def start_load(self):
        o = self.options
        edges = self.cluster.edges
        pids = [("router", self.cluster.router.pid)] + [(e.id, e.program.pid) for e in edges[:-1]]
        self.memory = [("before", self.measure())]
        args = []
        for edge in edges[:-1]:
            args += ["--url", edge.url + "?token=u{user}"]
        for name, pid in pids:
            args += ["--pid", "%s=%d" % (name, pid)]
        processes = -(-o.connections // DESCRIPTORS)
        self.idle = Bench(
            "idle", *args, "--connections", str(o.connections), "--rooms", str(o.rooms),
            "--rooms-each-min", "1", "--rooms-each", "2", "--processes", str(processes),
            "--source-addresses", "8")
        self.idle.await_event("ready")
        self.memory.append(("joined", self.measure()))
        self.live = Bench(
            "live", "--url", edges[-1].url + "?token=live{user}", "--connections", "20", "--rooms", "5",
            "--join", '{"type":"join","room":"live{room}","id":{id}}', "--publish",
            '{"type":"room_message","room":"live{room}","payload":"{stamp}{pad}"}', "--publishers", "5",
            "--rate", "200", "--progress", "20ms")
        self.live.await_event("publish")
        if self.options.prefer:
            self.prefer_live()
        time.sleep(2)

    def prefer_live(self):
        live = self.live.process.pid
        with open("/proc/%d/task/%d/children" % (live, live)) as f:
            workers = [int(pid) for pid in f.read().split()]
        for pid in [live, *workers, self.cluster.edges[-1].program.pid, self.cluster.router.pid]:
            prefer(pid)

    def measure(self):
        return {"router": private_kib(self.cluster.router.pid),
                "edges": sum(private_kib(e.program.pid) for e in self.cluster.edges[:-1]),
                "tcp": tcp_buffers_kib()}

    def connections(self):
        try:
            return self.cluster.metrics().get("splitrail_router_connections", 0)
        except (OSError, ValueError):
            return 0

    def await_true(self, check, since):
        while not check():
            if time.monotonic() - since > PATIENCE_S:
                raise SystemExit("the router did not come back: %d connections\n%s" % (
                    self.connections(), "\n".join(
                        "%s: %s" % (p.name, line) for p in self.cluster.programs
                        for line in p.lines[-4:])))
            time.sleep(0.01)
        return time.monotonic() - since

    def restart(self, how):
        total = self.options.connections + 20
        old = self.cluster.router
        since = time.monotonic()
        if how == "SIGKILL":
            old.kill()
        else:
            old.may_die = True
            old.send_signal(signal.SIGTERM)
            old.wait()
        gone = time.monotonic() - since
        self.cluster.start_router()
        if self.options.prefer:
            prefer(self.cluster.router.pid)
        row = {"how": how, "gone_s": gone,
               "announced_s": self.await_true(lambda: self.connections() >= total, since),
               "ready_s": self.await_true(self.cluster.router_ready, since),
               "cpu_s": cpu_s(self.cluster.router.pid), "load": os.getloadavg()[0]}
        row.update(self.live_figures(since, row["announced_s"]))
        time.sleep(4)  # edges give memory back five seconds after they met a router
        row.update(self.measure())
        self.rows.append(row)
        print("%-8s gone %.2f s, first delivery %.2f s, announced %.2f s, ready %.2f s; live latency "
              "meanwhile p50 %.1f max %.1f ms, without a restart %.1f / %.1f; router CPU %.2f s, %d KiB, "
              "edges %d KiB; load %.1f" %
              (how, gone, row["delivery_s"], row["announced_s"], row["ready_s"], row["live_p50_ms"],
               row["live_max_ms"], row["calm_p50_ms"], row["calm_max_ms"], row["cpu_s"], row["router"],
               row["edges"], row["load"]), flush=True)

    def live_figures(self, since, announced_s):
        """When live clients heard each other again (the end of their longest silence), and the latency
        of what was due between then and the last announce: what was due before waited for the router."""
        lines = [(line["at_us"] / 1e6 - since, line["p50_us"] / 1e3, line["max_us"] / 1e3)
                 for line in list(self.live.lines) if "phase" in line and line["messages"]]
        calm = [line for line in lines if -2 < line[0] < -0.1]
        around = [line for line in lines if -0.1 < line[0] < 10]
        heard = max(zip(around, around[1:]), key=lambda pair: pair[1][0] - pair[0][0])[1][0]
        meanwhile = [line for line in around
                     if heard < line[0] - line[2] / 1e3 and line[0] < announced_s + 0.1]

        def median(rows):
            return statistics.median(row[1] for row in rows) if rows else 0

        def worst(rows):
            return max((row[2] for row in rows), default=0)

        return {"delivery_s": heard, "live_p50_ms": median(meanwhile), "live_max_ms": worst(meanwhile),
                "calm_p50_ms": median(calm), "calm_max_ms": worst(calm)}

    def run(self):
        self.start_load()
        print("%d connections, %d rooms, %d + 1 edges: joined" %
              (self.options.connections, self.options.rooms, self.options.edges), flush=True)
        for number in range(self.options.restarts):
            self.restart("SIGKILL" if number % 2 == 0 else "SIGTERM")
        return self.judge(self.live.close(), self.idle.close())

    def judge(self, live, idle):
        wrong = []
        for name, report in (("live", live), ("idle", idle)):
            if report["closes"] or report["failures"] or report["ready"] != report["connections"]:
                wrong.append("%s: closed %s, failed %s" % (name, report["closes"], report["failures"]))
            account = report["account"]
            if any(account[key] for key in ("lost", "repeated", "reordered", "misrouted")):
                wrong.append("%s: %s" % (name, account))
        heard = idle["kinds_after_ready"]
        allowed = set() if self.data else ALLOWED_KINDS
        if set(heard) - allowed:
            wrong.append("idle clients heard %s" % heard)
        slow = [row for row in self.rows if row["ready_s"] > self.options.limit]
        if slow:
            wrong.append("%d restarts took longer than %.1f s" % (len(slow), self.options.limit))
        joined = self.memory[1][1]
        for what in ("router", "edges"):
            ratio = self.rows[-1][what] / joined[what] if self.rows else 1
            if ratio > self.options.memory:
                wrong.append("memory of %s is %.2f times what it was" % (what, ratio))
        self.print_end(live, idle)
        if self.options.json:
            with open(self.options.json, "w") as f:
                json.dump({"memory": self.memory, "restarts": self.rows, "live": live, "idle": idle,
                           "wrong": wrong}, f, indent=2)
        for line in wrong:
            print("WRONG " + line)
        return not wrong

    def print_end(self, live, idle):
        n = self.options.connections
        before, joined = self.memory[0][1], self.memory[1][1]
        print("idle clients: %d closed, heard %s; live: %s, longest pause %.0f ms" %
              (idle["closed"], idle["kinds_after_ready"], live["account"], live["longest_pause_ms"]))
        print("bytes per connection, joined: router %.0f, edge %.0f, kernel TCP buffers %.0f" %
              tuple((joined[k] - before[k]) * 1024 / n for k in ("router", "edges", "tcp")))
        if self.rows:
            last = self.rows[-1]
            print("after %d restarts: router %.0f, edge %.0f" % (
                len(self.rows), *((last[k] - before[k]) * 1024 / n for k in ("router", "edges"))))

    def close(self):
        try:
            self.cluster.close()
        finally:
            if self.data:
                shutil.rmtree(self.data)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--connections", type=int, default=50000)
    parser.add_argument("--edges", type=int, default=4)
    parser.add_argument("--rooms", type=int, default=10000)
    parser.add_argument("--restarts", type=int, default=6)
    parser.add_argument("--durable", action="store_true", help="rooms in a --data-dir")
    parser.add_argument("--window", default="3s", help="--rebuild-window of the router")
    parser.add_argument("--limit", type=float, default=5.0, help="seconds until /ready, at most")
    parser.add_argument("--memory", type=float, default=1.25,
                        help="private memory at the end over that before the first restart, at most")
    parser.add_argument("--prefer", action="store_true",
                        help="the router and the live ends run before all else, as if on machines of "
                        "their own (root)")
    parser.add_argument("--json")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if options.connections > options.edges * DESCRIPTORS:
        parser.error("more than %d connections per edge" % DESCRIPTORS)
    restarts = Restarts(options)
    try:
        ok = restarts.run()
    finally:
        restarts.close()
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
