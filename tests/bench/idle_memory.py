#!/usr/bin/python3
"""What an idle connection costs in userland, on its edge and on the router.

    ./dev bench idle_memory
    SPLITRAIL_BIN=build/release/bin tests/bench/idle_memory.py [--connections 10000] [--edges 2]
        [--members 10] [--agent TEXT] [--router-max BYTES] [--edge-max BYTES] [--json FILE]

Connections, each a user of its own, each in one room of MEMBERS, are opened and say nothing more.
Memory is the private dirty memory of each process (smaps_rollup), before and after; what is there
before counts for nobody, and what growing by doubling has taken too early counts for those who are
there. Exit code 1 when it is above --router-max or --edge-max.
"""

import argparse
import json
import os
import resource
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

import cluster as e2e  # noqa: E402
from restart import DESCRIPTORS, Bench  # noqa: E402


def dirty_bytes(pid):
    with open("/proc/%d/smaps_rollup" % pid) as f:
        return 1024 * sum(int(line.split()[1]) for line in f if line.startswith("Private_Dirty"))


def measure(cluster):
    return {"router": dirty_bytes(cluster.router.pid),
            "edge": sum(dirty_bytes(edge.program.pid) for edge in cluster.edges)}


def run(options):
    cluster = e2e.Cluster(edges=options.edges, edge_options=["--max-connections-per-ip", "0"],
                          router_options=["--max-messages-per-second", "0"])
    try:
        time.sleep(1)
        before = measure(cluster)
        args = ["--connections", str(options.connections),
                "--rooms", str(max(1, options.connections // options.members)),
                "--processes", str(-(-options.connections // DESCRIPTORS)),
                "--source-addresses", "8", "--connecting", "256"]
        for edge in cluster.edges:
            args += ["--url", edge.url + "?token=u{user}"]
        if options.agent:
            args += ["--header", "User-Agent: " + options.agent]
        idle = Bench("idle", *args)
        idle.await_event("ready")
        time.sleep(options.settle)
        after = measure(cluster)
        report = idle.close()
    finally:
        cluster.close()
    if report["ready"] != options.connections or report["closed"]:
        raise SystemExit("not all were there: %s" % report["failures"])
    each = {name: (after[name] - before[name]) / options.connections for name in after}
    return each, options.connections / report["ready_s"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--connections", type=int, default=10000)
    parser.add_argument("--edges", type=int, default=2)
    parser.add_argument("--members", type=int, default=10, help="of a room")
    parser.add_argument("--agent", help="User-Agent of all clients")
    parser.add_argument("--settle", type=float, default=8.0,
                        help="seconds of silence before memory is read; after 5 the programs give back "
                             "what the opening took")
    parser.add_argument("--router-max", type=float, default=0)
    parser.add_argument("--edge-max", type=float, default=0)
    parser.add_argument("--json")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    each, rate = run(options)
    print("bytes per idle connection: router %.0f, edge %.0f (%d connections, %d edges, rooms of %d; "
          "joined at %.0f/s)" % (each["router"], each["edge"], options.connections, options.edges,
                                 options.members, rate))
    if options.json:
        with open(options.json, "w") as f:
            json.dump({"bytes": each, "joined_per_second": rate}, f, indent=2)
    over = [name for name, most in (("router", options.router_max), ("edge", options.edge_max))
            if most and each[name] > most]
    for name in over:
        print("WRONG %s: too much" % name)
    sys.exit(1 if over else 0)


if __name__ == "__main__":
    main()
