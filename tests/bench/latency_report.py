"""docs/LATENCY.md and its charts, written from docs/benchmarks/latency.json."""

import os

import comparison_report
import line_charts
from charts import OURS as OUR_COLOR, median
from comparison_report import OURS, spread, strong, table

COLORS = {"Splitrail": OUR_COLOR, "Splitrail, durable": "#7fb2d9", "Node ws + Redis": "#5d9c59",
          "Bun": "#d1782f", "NATS": "#8a5fa8", "Nchan": "#b5423c", "mosquitto": "#7a7a7a"}
QUANTILES = (("p50", "p50"), ("p99", "p99"), ("p999", "p99.9"))


class Latency:
    def __init__(self, data):
        self.data = data
        self.systems = data["systems"]

    def rows(self, load, system, key):
        return self.data["results"][load["name"]]["paced"].get(system["name"], {}).get(key, [])

    def saturation(self, load, system):
        rows = self.data["results"][load["name"]]["saturation"].get(system["name"], [])
        return [row["rate"] for row in rows if row.get("rate")]

    def every_row(self, load):
        result = self.data["results"][load["name"]]
        rows = [(name, row) for name, some in result["saturation"].items() for row in some]
        return rows + [(name, row) for name, by_key in result["paced"].items()
                       for some in by_key.values() for row in some]


def values(rows, key):
    return [row[key] for row in rows if row.get(key) is not None]


def accounts(rows):
    said = sorted({row["flaws"] for row in rows if row["flaws"]}) or ["exact"]
    late = sum(1 for row in rows if row.get("late"))
    return "; ".join(said) + (", **late** in %d of %d" % (late, len(rows)) if late else "")


# --- charts -----------------------------------------------------------------------------------------


def panel(latency, load, kind, quantile, title):
    lines = []
    for system in latency.systems:
        points, whiskers = [], []
        for share in latency.data["shares"]:
            got = values(latency.rows(load, system, "%s-%d" % (kind, share)), quantile)
            if got:
                points.append((share, median(got)))
                whiskers.append((share, min(got), max(got)))
        lines.append(line_charts.Line(system["title"], points, whiskers))
    of = "its own saturation" if kind == "own" else "the slowest one's saturation, the same for all"
    return line_charts.Panel(title, "per cent of " + of, lines, linear_x=True)


def draw(latency, load, out):
    panels = [panel(latency, load, kind, key, "%s, ms, at %s" % (name, words))
              for key, name in QUANTILES for kind, words in (("equal", "equal rates"), ("own", "its own shares"))]
    line_charts.write(os.path.join(comparison_report.folder(out), "latency-%s.svg" % load["name"]), panels,
                      COLORS, one_legend=True)


# --- text -------------------------------------------------------------------------------------------

METHOD = """\
## Method

- The servers, the generator and what they leave out are those of [BENCHMARKS.md](BENCHMARKS.md): both ends on
  one machine, every run starts its server anew, servers take turns, payloads have 100 bytes, every message is
  accounted for at every receiver.
- **Saturation** is what the closed loop delivers (median): {closed}. It depends on the
  generator, which has its part of the processors.
- **The open loop** then publishes at a rate: each message is due at its own time, evenly spread over the
  second and the publishers, whether or not earlier ones were heard. Latency counts from the time when a
  message was due to each of its deliveries, so what a stalled server (or a generator that had no
  processor) delayed is counted, and not left out (no coordinated omission).
- **Equal rates** are 25, 50 and 75 % of the saturation of the slowest system: all do the same work, so latencies
  can be compared. **Own shares** are 25, 50 and 75 % of each one's own saturation: who is faster does more
  in the same time.
- {warm} s to warm up, {duration} s that count; repetitions: {repetitions}; median (least–most). *late*: under
  95 % of what was asked was delivered, so latency is that of a queue that grows.
- Splitrail's way is edge → router → edge, three processes that each must get a processor; Node ws + Redis has
  a way as long. The others answer from the process that got the message.
"""


def head(data):
    m = data["machine"]
    loads = [row["load"] for result in data["results"].values()
             for rows in [*result["saturation"].values(),
                          *(some for by_key in result["paced"].values() for some in by_key.values())]
             for row in rows if row.get("load") is not None]
    return ["# Latency under load", "",
            "Written by `./dev bench latency` (%s, commit %s, %.0f minutes); do not edit. The figures are in"
            % (m["at"], m["commit"], data["took_s"] / 60), "`benchmarks/latency.json`.", "",
            "%s, %s cores; %s of memory; Linux %s; %s. Load average of the machine at the end of a run: %s." % (
                m["cpu"], m["cores"], m["memory"], m["kernel"], m["libc"], spread(loads)), ""]


def equal_table(latency, load, quantile):
    """How all compare at one quantile, a column for each share."""
    rows = []
    for system in latency.systems:
        cells = [strong(system, system["title"])]
        for share in latency.data["shares"]:
            rows_there = latency.rows(load, system, "equal-%d" % share)
            ours = latency.rows(load, {"name": OURS}, "equal-%d" % share)
            cells.append(spread(values(rows_there, quantile)))
            pairs = [theirs[quantile] / our[quantile] for theirs, our in zip(rows_there, ours)
                     if theirs.get(quantile) and our.get(quantile)]
            cells.append("" if system["name"] == OURS or not pairs else "× " + spread(pairs))
        rows.append(cells)
    return rows


def per_s(latency, load, share):
    rows = [row for system in latency.systems for row in latency.rows(load, system, "equal-%d" % share)]
    return rows[0]["per_s"] if rows else 0


def equal_section(latency, load):
    lines = ["### At equal rates", ""]
    for key, name in QUANTILES:
        titles = ["%s, ms, at %d %%: %s messages/s" % (name, share, "{:,}".format(per_s(latency, load, share)))
                  for share in latency.data["shares"]]
        columns = [cell for title in titles for cell in (title, "to ours")]
        lines += table(["system", *columns], equal_table(latency, load, key))
    return lines


def own_section(latency, load):
    rows = []
    for system in latency.systems:
        for share in latency.data["shares"]:
            there = latency.rows(load, system, "own-%d" % share)
            if there:
                rows.append([strong(system, system["title"]), "%d %%" % share,
                             "{:,}".format(there[0]["per_s"]),
                             *(spread(values(there, key)) for key, _ in QUANTILES),
                             spread(values(there, "cpu")), accounts(there)])
    return ["### At shares of its own saturation", ""] + table(
        ["system", "share", "messages/s", "p50, ms", "p99, ms", "p99.9, ms", "µs CPU per delivery", "accounts"],
        rows)


def saturation_section(latency, load):
    rows = [[strong(system, system["title"]), spread(latency.saturation(load, system)),
             accounts([row for name, row in latency.every_row(load) if name == system["name"]])]
            for system in latency.systems]
    return ["### Saturation", ""] + table(["system", "deliveries/s", "accounts of all its runs"], rows)


def section(latency, load):
    lines = ["## %s" % load["title"][0].upper() + load["title"][1:], "",
             "`splitrail-bench %s`; %s deliveries of each message." % (load["arguments"], load["heard"]), "",
             "![Latency by share of saturation](benchmarks/latency-%s.svg)" % load["name"], ""]
    return lines + saturation_section(latency, load) + equal_section(latency, load) + own_section(latency, load)


def write(out):
    """LATENCY.md in `out`, from the JSON file there. True when a run of ours was flawed."""
    data = comparison_report.load(os.path.join(comparison_report.folder(out), "latency.json"))
    if data is None:
        raise SystemExit("no latency.json in %s" % comparison_report.folder(out))
    latency = Latency(data)
    lines = head(data)
    for name, why in sorted(data["left_out"].items()):
        lines += ["**Left out:** %s, because: %s." % (name, why), ""]
    for load in data["loads"]:
        draw(latency, load, out)
        lines += section(latency, load)
    lines += METHOD.format(
        repetitions=data["repetitions"], warm="0.7", duration="%g" % data["duration_s"],
        closed="; ".join("%s: `%s`" % (load["title"], load["closed"]) for load in data["loads"])).splitlines()
    with open(os.path.join(out, "LATENCY.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines).rstrip("\n") + "\n")
    return any(row["flaws"] for load in data["loads"] for name, row in latency.every_row(load)
               if name.startswith(OURS))
