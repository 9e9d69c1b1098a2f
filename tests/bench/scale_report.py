"""docs/SCALE.md, written from docs/benchmarks/scale.json: the last run of each size."""

import os

import comparison_report

METHOD = """\
## Method

- Both ends on this machine. One edge and one process of the generator (`splitrail-bench`) for each {per_edge}
  connections, because a process may have 20,000 descriptors; one router. They share the processors, and
  with whatever else runs: the load average before is in the table.
- Servers and generator have a network of their own (a network namespace with nothing but loopback), if the
  right to it is there. So connections are not tracked, which would cost memory and processor time, and a
  full table of tracked connections, which drops packets of everybody, cannot happen.
- Each connection is a user of its own, in a room of ten and in the room "all". `presence.events` is off
  for all rooms: with it on, each of N who join "all" would be told of by a message to those before.
- *Memory* is private memory (`smaps_rollup`) of all edges or of the router, less that before anybody came, by
  connection. *Kernel* is the growth of all slabs of the machine, both ends; in brackets the caches.
  MemAvailable is the check of the sum: all of both ends, with pages that are not ours alone.
- *Heartbeats*: default options, a ping each 30 s to each connection; the generator answers. Pings are counted
  in intervals of 100 ms, where they arrive: a busiest one far above the mean would be thundering.
- *A message to all* is published by `splitrailctl` into the room that all are in; the time is from before
  that program starts until the generator has counted the last delivery, in steps of 50 ms. The processor time
  is that of router and edges.
- *Router killed*: SIGKILL, and started again at once with the rebuild window of 3 s (the default), which `/ready` waits
  for in any case: all edges could be here already, but a new router cannot know that. *Announced* is when its
  count of connections is complete.
- *Turns of the router's loop* are processor time (`splitrail_router_loop_turn_seconds`): waiting for a
  processor among {per_run} processes on two cores would tell about the machine.
- *Presence*: after the restart the counts of users, connections, memberships and rooms, and a sample of users and
  rooms one by one, must be exact. Nobody may have been closed, nobody may have heard anything twice or not at all.
"""

LEAVES_OUT = """\
## What the figures leave out

- A network: loopback has no latency and no loss, and delivers in the sender's name. What a card and its
  interrupts cost is not in them.
- The other half of the machine: generator and kernel work for clients run on the same cores. A server that
  has both cores for itself is faster in every time of the table.
- TLS (`docs/TUNING.md` says what a session costs) and compression.
- Talk: these clients are idle. `BENCHMARKS.md` has deliveries.
"""

COMMANDS = """\
## The commands

```sh
./dev bench scale                                # 200,000 connections, about 3 GB, a few minutes
./dev bench scale --connections 1000000          # about 12.5 GB
```

As root, for the network of its own. Before anything starts the script looks at memory and limits, and says
which `sysctl -w` or `ulimit` is missing; `--set-sysctls` lets it set them. A million needs `fs.file-max` of
2,200,000. With less `net.ipv4.tcp_mem` than a page for every other connection it goes on with a warning. When
free memory falls below `--leave-mib` it stops and ends everything. `--here` stays in the network of the machine.
"""


def _columns(runs):
    return sorted(runs.values(), key=lambda run: run["connections"])


def _rows(runs):
    """In the order of the largest run, with what only others have after it."""
    names = []
    for run in reversed(runs):
        names += [name for name, _ in run["lines"] if name not in names]
    values = [dict(map(tuple, run["lines"])) for run in runs]
    return [[name] + [value.get(name, "–") for value in values] for name in names]


def write(out, data):
    runs = _columns(data["runs"])
    m = runs[-1]["machine"]
    lines = ["# Many connections on one machine", "",
             "Written by `./dev bench scale`; do not edit. The figures behind it are in `benchmarks/scale.json`.", "",
             "%s, %s cores; %s of memory; Linux %s; %s." % (m["cpu"], m["cores"], m["memory"], m["kernel"],
                                                           m["libc"]), "",
             "## Figures", ""]
    head = [["", *("**{:,}**".format(run["connections"]) for run in runs)]]
    about = [["when", *(run["machine"]["at"] for run in runs)],
             ["commit", *(run["machine"]["commit"] for run in runs)],
             ["edges, generator processes", *("%d, %d" % (run["edges"], run["processes"]) for run in runs)],
             ["`--edge-dead` of the router", *(run["edge_dead"] for run in runs)],
             ["a heartbeat in", *("%d s" % run["heartbeat"] for run in runs)],
             ["network of its own", *("yes" if run["own_network"] else "no" for run in runs)]]
    wrong = [["wrong", *("; ".join(run["wrong"]) or "nothing" for run in runs)]]
    lines += comparison_report.table(head[0], about + _rows(runs) + wrong)
    lines += METHOD.format(per_edge="{:,}".format(runs[-1]["per_edge"]),
                           per_run=runs[-1]["edges"] + runs[-1]["processes"] + 1).splitlines() + [""]
    lines += COMMANDS.splitlines() + [""] + LEAVES_OUT.splitlines()
    with open(os.path.join(out, "SCALE.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines).rstrip("\n") + "\n")


def save(out, run):
    """Keeps the last run of each size."""
    data = comparison_report.load(os.path.join(comparison_report.folder(out), "scale.json")) or {}
    data.setdefault("runs", {})
    data = {"runs": data["runs"]}
    data["runs"][str(run["connections"])] = run
    comparison_report.save(out, "scale", data)
    write(out, data)
