"""docs/BENCHMARKS.md and its charts, written from the JSON files beside the charts, whichever are there:
compare.json (compare.py), scale.json (scale.py); and tests/bench/guard.json (guard.py)."""

import json
import os

import charts
from charts import figure, median

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = "splitrail"


def folder(out):
    return os.path.join(out, "benchmarks")


def save(out, name, data):
    os.makedirs(folder(out), exist_ok=True)
    with open(os.path.join(folder(out), name + ".json"), "w", encoding="utf-8") as file:
        json.dump(data, file, indent=1, sort_keys=True)
        file.write("\n")


def load(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except OSError:
        return None


# --- figures ----------------------------------------------------------------------------------------


class Comparison:
    def __init__(self, data):
        self.data = data
        self.systems = data["systems"]
        self.title = {system["name"]: system["title"] for system in self.systems}

    def rows(self, scenario, system):
        return self.data["results"][scenario].get(system, [])

    def values(self, scenario, system, key):
        return [row[key] for row in self.rows(scenario, system) if row.get(key) is not None]

    def ratios(self, scenario, system, key):
        """To ours, each within its repetition."""
        pairs = zip(self.rows(scenario, system), self.rows(scenario, OURS))
        return [theirs[key] / ours[key] for theirs, ours in pairs if theirs.get(key) and ours.get(key)]

    def flaws(self, scenario, system):
        return sorted({row["flaws"] for row in self.rows(scenario, system) if row["flaws"]})


def spread(values, unit=""):
    if not values:
        return "–"
    if len(values) == 1:
        return figure(values[0]) + unit
    return "%s%s (%s–%s)" % (figure(median(values)), unit, figure(min(values)), figure(max(values)))


def times(values):
    return "× " + spread(values) if values else "–"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def strong(system, text):
    return "**%s**" % text if system["name"] == OURS else text


# --- charts -----------------------------------------------------------------------------------------


def panel(comparison, scenario, title, unit, key):
    bars = [charts.Bar(system["title"], comparison.values(scenario, system["name"], key),
                       ours=system["name"].startswith(OURS),
                       note=" (flawed)" if comparison.flaws(scenario, system["name"]) else "")
            for system in comparison.systems]
    return charts.Panel(title, unit, bars)


def calls_panel(comparison, scenario, calls):
    bars = [charts.Bar(system["title"], [calls[system["name"]]["all"]] if system["name"] in calls else [],
                       ours=system["name"].startswith(OURS)) for system in comparison.systems]
    return charts.Panel(scenario["title"], "system calls per delivery", bars)


def draw(comparison, out):
    """Draws them; gives the names of the files that there are."""
    scenarios = comparison.data["scenarios"]
    talking = [s for s in scenarios if s["kind"] != "idle"]
    idle = [s for s in scenarios if s["kind"] == "idle"]
    panels = {
        "cpu": [panel(comparison, s["name"], s["title"], "µs of server CPU per delivery", "cpu")
                for s in talking],
        "latency": [panel(comparison, s["name"], s["title"] + ", p99", "ms", "p99") for s in talking],
        "idle": [p for s in idle for p in (
            panel(comparison, s["name"], "memory of an idle connection", "bytes, userland", "bytes"),
            panel(comparison, s["name"], "connections that come and join", "per second", "connects"))],
        "syscalls": [calls_panel(comparison, s, comparison.data["calls"][s["name"]])
                     for s in talking if s["name"] in comparison.data["calls"]],
    }
    drawn = set()
    for name, some in panels.items():
        if some:
            charts.write(os.path.join(folder(out), name + ".svg"), some)
            drawn.add(name)
    return drawn


# --- text -------------------------------------------------------------------------------------------

METHOD = """\
## Method

- One machine, both ends on it: the generator (`splitrail-bench`, one process, asleep in `epoll_wait` between
  messages) shares the processors with the servers. Absolute figures depend on that; what counts is who is
  where **in the same run**. With the right to it (root), all of them run in a network namespace with nothing but
  loopback: no connection tracking or firewall of the machine is in the figures.
- Each run starts its server anew on free ports of 127.0.0.1, opens the connections, waits until all have
  joined and nothing more comes, publishes {warm} s to warm up and {duration} s that count. The servers take
  turns within a repetition; there are {repetitions}. Tables have the median, and the least and the most in
  brackets. Ratios (`×`) are taken between runs of the same repetition: their server to Splitrail.
- Payloads are 100 bytes: 50 of them say who published, the number, the room and when it was due. Every client
  knows whom it is to hear; lost, repeated, reordered and misrouted messages are counted for every server,
  with the same code. **A figure of a run with any of these is marked as flawed.**
- *CPU per delivery* is the processor time of all processes of a server (all threads, user and kernel, from
  `schedstat`), Redis included, by the number of messages that clients received meanwhile. What the kernel
  does for a loopback packet in the sender's name is in it, for all alike.
- *`send` alone* is what a program needs that does nothing but one `send` of 170 bytes to each socket
  (`bare_send`, one process, its receiver asleep in `epoll_wait`; measured in every repetition): the kernel's
  share, which nobody who writes to each recipient by himself can undercut. Several messages in one call can.
- *In flight*: each publisher sends its next message when it hears an earlier one back (closed loop). A system
  that is faster gets more messages in that case, so its latencies are at a higher rate. `1,000/s` is an open
  loop: each message has its own time, and latency counts from it.
- *Direct*: 1,000 clients in pairs write to each other, one message in flight from each (saturated), or 1,000
  messages a second in all. With Splitrail and Node the two ends of a pair are on different edges.
- *Memory* is private memory (`smaps_rollup`) after {hold} s of silence less that before anybody came, by
  connection; sockets in the kernel, about 4 KiB for each end, are not in it, for nobody.
"""

LEAVES_OUT = """\
## What the figures leave out

- TLS and compression: off everywhere.
- A network: loopback has neither latency nor loss, and its packets cost other things than a card's.
- Two machines: with the generator elsewhere a server would have both processors for itself.
- Features. Splitrail keeps presence, history for recovery, canary and heartbeats while it is measured (limits
  of rates are lifted), and every message goes edge → router → edge, because rooms span edges. Bun, NATS, Nchan and mosquitto answer
  from the process that got the message; Node ws + Redis has two processes and does nothing but pass on.
- Other ways to set up the peers: NATS and Nchan can be clustered, nginx can have more workers (their messages
  then go between processes), mosquitto can be asked for QoS 1. The files are in `tests/bench/peers/`.
- uWebSockets for C++ and Socket.IO are not measured: the first is in neither Debian nor npm; the second is
  Node ws + Redis with more on top.
"""


def head(data):
    m = data["machine"]
    return [
        "# Benchmarks", "",
        "Written by `./dev bench` (%s, commit %s, %.0f minutes); do not edit. The figures behind it are in"
        % (m["at"], m["commit"], data["took_s"] / 60),
        "`benchmarks/*.json`. Beside it: [latency at shares of saturation](LATENCY.md), [how cost grows](GROWTH.md).",
        "",
        "%s, %s cores; %s of memory; Linux %s; %s." % (m["cpu"], m["cores"], m["memory"], m["kernel"],
                                                      m["libc"]), ""]


def systems_section(comparison):
    rows = [[strong(s, s["title"]), s["version"], s["parts"], s["durability"], s["cluster"],
             s["leaves_out"]] for s in comparison.systems]
    lines = ["## Who is measured", ""] + table(
        ["system", "version", "processes", "a message is safe in", "spans machines", "does not do"], rows)
    for name, why in sorted(comparison.data["left_out"].items()):
        lines += ["**Left out:** %s, because: %s." % (name, why), ""]
    return lines


def summary_section(comparison, drawn):
    talking = [s for s in comparison.data["scenarios"] if s["kind"] != "idle"]
    if not talking:
        return []
    rows = []
    for scenario in talking:
        cells = [scenario["title"]]
        for system in comparison.systems:
            values = comparison.values(scenario["name"], system["name"], "cpu")
            cell = figure(median(values)) if values else "–"
            cell += " ⚠" if comparison.flaws(scenario["name"], system["name"]) else ""
            cells.append(strong(system, cell))
        bare = [value for value in comparison.data.get("bare", {}).get(scenario["name"], []) if value]
        cells.append(figure(median(bare)) if bare else "")
        cells.append("≤ %g" % scenario["goal"] if scenario["goal"] else "")
        rows.append(cells)
    lines = ["## Server CPU per delivery, µs", ""] + table(
        ["scenario"] + [system["title"] for system in comparison.systems] + ["`send` alone", "our goal"], rows)
    return lines + image(drawn, "cpu", "Server CPU per delivery by scenario and system")


def image(drawn, name, alt):
    return ["![%s](benchmarks/%s.svg)" % (alt, name), ""] if name in drawn else []


def scenario_section(comparison, scenario):
    rows = []
    for system in comparison.systems:
        def values(key, name=system["name"]):
            return comparison.values(scenario["name"], name, key)

        ratios = comparison.ratios(scenario["name"], system["name"], "cpu")
        flaws = comparison.flaws(scenario["name"], system["name"])
        rows.append([
            strong(system, system["title"]), spread(values("cpu")),
            "" if system["name"] == OURS else times(ratios), spread(values("rate")), spread(values("p50")),
            spread(values("p99")), spread(values("p999")), "; ".join(flaws) or "exact"])
    loads = [row["load"] for system in comparison.systems
             for row in comparison.rows(scenario["name"], system["name"]) if row.get("load") is not None]
    return ["### %s" % scenario["title"], "",
            "`splitrail-bench %s`; load average of the machine %s." % (scenario["arguments"], spread(loads)),
            ""] + table(["system", "µs CPU per delivery", "to ours", "deliveries/s", "p50, ms", "p99, ms",
                         "p99.9, ms", "accounts"], rows)


def idle_section(comparison, scenario):
    rows = []
    for system in comparison.systems:
        name = system["name"]
        runs = [row["memory"] for row in comparison.rows(scenario["name"], name) if "memory" in row]
        parts = ", ".join("%s %.0f" % (part, median([run[part] for run in runs]))
                          for part in (runs[0] if len(runs[0]) > 1 else ())) if runs else ""
        rows.append([
            strong(system, system["title"]), spread(comparison.values(scenario["name"], name, "bytes")),
            parts, "" if name == OURS else times(comparison.ratios(scenario["name"], name, "bytes")),
            spread(comparison.values(scenario["name"], name, "connects")),
            spread(comparison.values(scenario["name"], name, "connect_cpu_us")),
            "; ".join(comparison.flaws(scenario["name"], name)) or "all there"])
    return ["## Idle connections", "",
            "`splitrail-bench %s`: users of their own in rooms of ten. *By process* is its share of the bytes "
            "of one of all connections, so an edge that holds half of them shows half." %
            scenario["arguments"], ""] + table(
                ["system", "bytes per connection", "by process", "to ours", "joined/s",
                 "µs CPU per connection", "accounts"], rows)


def calls_section(comparison, drawn):
    calls = comparison.data["calls"]
    lines = ["## System calls per delivery", ""]
    if not calls:
        return lines + ["Not counted: neither perf nor strace could, or it was not wanted.", ""]
    lines += ["Of all processes of a server, counted by %s in runs of their own." %
              {"perf": "`perf stat` (tracepoints)",
               "strace": "`strace -c -f`, which slows what it watches"}[comparison.data["calls_by"]], ""]
    for scenario in comparison.data["scenarios"]:
        rows = []
        for system in comparison.systems:
            each = calls.get(scenario["name"], {}).get(system["name"])
            if each:
                most = sorted(((n, name) for name, n in each.items() if name != "all"), reverse=True)[:6]
                rows.append([strong(system, system["title"]), "%.3f" % each.get("all", 0),
                             ", ".join("%s %.3f" % (name, n) for n, name in most)])
        if rows:
            lines += ["**%s**" % scenario["title"], ""] + table(["system", "calls", "the most of them"], rows)
    return lines + image(drawn, "syscalls", "System calls per delivery")


def guard_section(guard):
    if not guard:
        return []
    rows = [[name, row["what"], "{:,.0f}".format(row["instructions"])]
            for name, row in sorted(guard["paths"].items())]
    return ["## Instructions of the hot paths", "",
            "Counted by callgrind, the same on every run: `./dev bench guard` fails when one grows by more than "
            "%g %%. Baseline of %s." % (guard["tolerance_percent"], guard["compiler"]), ""] + table(
                ["path", "one operation", "instructions"], rows)


def scale_section(scale):
    if not scale:
        return []
    return ["## Many connections on one machine", "",
            "[SCALE.md](SCALE.md): up to %s connections, memory, heartbeats, a message to all, a killed router." %
            "{:,}".format(max(run["connections"] for run in scale["runs"].values())), ""]


def compare_sections(out, data):
    comparison = Comparison(data)
    drawn = draw(comparison, out)
    lines = head(data) + systems_section(comparison) + summary_section(comparison, drawn)
    lines += METHOD.format(warm="0.7", duration="%g" % data["duration_s"], hold="%g" % data["hold_s"],
                           repetitions=data["repetitions"]).splitlines() + [""]
    talking = [s for s in data["scenarios"] if s["kind"] != "idle"]
    if talking:
        lines += ["## Scenarios", ""]
    for scenario in talking:
        lines += scenario_section(comparison, scenario)
    lines += image(drawn, "latency", "99th percentile of latency")
    for scenario in data["scenarios"]:
        if scenario["kind"] == "idle":
            lines += idle_section(comparison, scenario) + image(drawn, "idle", "Idle connections")
    return lines + calls_section(comparison, drawn)


def write(out):
    """BENCHMARKS.md in `out`, from what is there."""
    data = load(os.path.join(folder(out), "compare.json"))
    lines = compare_sections(out, data) if data else ["# Benchmarks", ""]
    lines += guard_section(load(os.path.join(HERE, "guard.json")))
    lines += scale_section(load(os.path.join(folder(out), "scale.json")))
    lines += LEAVES_OUT.splitlines()
    with open(os.path.join(out, "BENCHMARKS.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines).rstrip("\n") + "\n")
