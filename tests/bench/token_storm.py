#!/usr/bin/python3
"""New clients with ES256 tokens, as fast as they come, beside clients that talk: what these notice.

    ./dev bench token_storm -- [--talkers 1000] [--newcomers 10000] [--in-flight 256] [--rounds 3]
        [--edges 2] [--calm 6] [--prefer] [--limit RATIO]

The talkers are one splitrail-bench: rooms of ten, each says something once a second at its own time
whether or not others were late, and how late each delivery is counts. The newcomers are another one,
whose tokens were signed before: it keeps IN-FLIGHT openings going until all are welcomed. No token is
seen twice, so each costs a signature check. Every round compares the time from the first connect to
the last welcome with the calm seconds before it, in the same processes; then the newcomers leave, and
it is calm again. Absolute times depend on the machine: read the ratios. --prefer (root)
lets the talkers, the edges and the router run before all others, but not the threads that check
signatures: as if newcomers and other programs had machines of their own.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

from cluster import Cluster  # noqa: E402
from restart import Bench, cpu_s  # noqa: E402
from test_token_keys import CHECKS, Issuer  # noqa: E402

ROOM = 10  # talkers in one
LEAVING_S = 3  # until those who left are forgotten


def token_file(issuer, name, count):
    file = tempfile.NamedTemporaryFile("w", suffix=".tokens")
    for i in range(count):
        file.write(issuer.token("k", sub="%s-%d" % (name, i)) + "\n")
    file.flush()
    return file


class Storm:
    def __init__(self, options, issuer, keys):
        self.options = options
        self.issuer = issuer
        self.cluster = Cluster(edges=options.edges, auth="jwt", router_options=("--jwks-file", keys),
                               edge_options=("--max-connections-per-ip", "0"))
        self.urls = [part for edge in self.cluster.edges for part in ("--url", edge.url)]

    def bench(self, name, tokens, count, *more):
        return Bench(name, *self.urls, "--header", "Authorization: Bearer {token}", "--token-file",
                     tokens.name, "--connections", str(count), "--welcomed", '"type":"welcome"', *more)

    def start_talkers(self):
        count = self.options.talkers
        tokens = token_file(self.issuer, "talker", count)
        self.talkers = self.bench("talkers", tokens, count, "--rooms", str(max(1, count // ROOM)),
                                  "--publishers", str(count), "--rate", str(count), "--progress", "10s")
        self.talkers.await_event("publish")
        if self.options.prefer:
            programs = [self.cluster.router] + [edge.program for edge in self.cluster.edges]
            for pid in [p.pid for p in programs] + [self.talkers.process.pid] + children(
                    self.talkers.process.pid):
                prefer(pid)

    def mark(self, name):
        """The talkers' figures since the last mark."""
        self.talkers.process.stdin.write(name + "\n")
        self.talkers.process.stdin.flush()
        while True:
            line = self.talkers.lines[-1] if self.talkers.lines else {}
            if line.get("mark") == name:
                return line["latency"]
            time.sleep(0.002)

    def cpu(self):
        programs = [self.cluster.router] + [edge.program for edge in self.cluster.edges]
        return {program.name: cpu_s(program.pid) for program in programs}

    def round(self, number):
        o = self.options
        tokens = token_file(self.issuer, "newcomer-%d" % number, o.newcomers)
        self.mark("signed-%d" % number)
        time.sleep(o.calm)
        calm = self.mark("calm-%d" % number)
        before = self.cpu()
        storm = self.bench("newcomers", tokens, o.newcomers, "--connecting", str(o.in_flight),
                           "--rooms-each", "0", "--rooms-each-min", "0", "--hold", "1h")
        storm.await_event("open")
        self.mark("started-%d" % number)
        storm.await_event("settle")
        during = self.mark("storm-%d" % number)
        after = self.cpu()
        report = storm.close()
        time.sleep(LEAVING_S)
        return {"ready": report["ready"], "seconds": report["ready_s"],
                "opening_ms": {at: report["opening"][at + "_us"] / 1000 for at in ("p50", "p99")},
                "cpu_s": {name: round(after[name] - before[name], 2) for name in after},
                "calm": calm, "storm": during,
                "p99_ratio": round(during["p99_us"] / calm["p99_us"], 2)}

    def run(self):
        try:
            self.start_talkers()
            time.sleep(LEAVING_S)
            rounds = []
            for number in range(self.options.rounds):
                rounds.append(self.round(number))
                print(json.dumps(rounds[-1]), flush=True)
            talked = self.talkers.close()
            checks = self.cluster.metrics()[CHECKS % "pool"]
        finally:
            self.cluster.close()
        ratios = [row["p99_ratio"] for row in rounds]
        return {"in_flight": self.options.in_flight, "checks": checks, "load": talked["load"],
                "account": talked["account"], "p99_ratios": ratios,
                "p99_ratio": statistics.median(ratios)}


def prefer(pid):
    """Its threads but those that check signatures, which have asked for less than others have."""
    for task in map(int, os.listdir("/proc/%d/task" % pid)):
        if os.sched_getscheduler(task) == os.SCHED_OTHER and os.getpriority(os.PRIO_PROCESS, task) == 0:
            os.sched_setscheduler(task, os.SCHED_RR, os.sched_param(1))


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return [int(child) for child in file.read().split()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--talkers", type=int, default=1000)
    parser.add_argument("--newcomers", type=int, default=10000)
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--edges", type=int, default=2)
    parser.add_argument("--calm", type=float, default=6)
    parser.add_argument("--prefer", action="store_true")
    parser.add_argument("--limit", type=float, help="exit code 1 when the median ratio is above")
    options = parser.parse_args()
    issuer = Issuer()
    with tempfile.NamedTemporaryFile("w") as file:
        json.dump({"keys": [issuer.make("ES256", "k")]}, file)
        file.flush()
        result = Storm(options, issuer, file.name).run()
    issuer.close()
    print(json.dumps(result, indent=1))
    failed = options.limit is not None and result["p99_ratio"] > options.limit
    sys.exit(1 if failed or result["account"]["lost"] else 0)


if __name__ == "__main__":
    main()
