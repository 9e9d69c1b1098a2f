"""docs/GROWTH.md and its charts, written from docs/benchmarks/growth.json. What the slopes mean is computed
here; why a line bends is said in growth.py."""

import math
import os

import comparison_report
import line_charts
from charts import OURS, figure, median
from comparison_report import spread, table

COLORS = {"together": OURS, "edges": "#d1782f", "router": "#5d9c59", "p50": OURS, "p99": "#d1782f", "": OURS}

# Of log(figure) over log(what grows).
FLAT, PROPORTIONAL = 0.1, (0.9, 1.1)
FLAT_RATIO = 1.6  # of the largest to the smallest, either way


class Figure:
    """One kind of figure; of(row) gives it or None."""

    def __init__(self, name, title, kind, of, unit=""):
        self.name = name
        self.title = title
        self.kind = kind
        self.of = of
        self.unit = unit


def part(key, name):
    """Of router or edges, or both together."""
    def of(row):
        values = row.get(key)
        return values and (sum(values.values()) if name == "together" else values[name])
    return of


FIGURES = [
    Figure("cpu", "CPU per delivery, paced", "paced", part("cpu", "together"), " µs"),
    Figure("cpu_edges", "of it edges", "paced", part("cpu", "edges"), " µs"),
    Figure("cpu_router", "of it router", "paced", part("cpu", "router"), " µs"),
    Figure("full_cpu", "CPU per delivery, saturated", "saturated", part("cpu", "together"), " µs"),
    Figure("full_edges", "of it edges", "saturated", part("cpu", "edges"), " µs"),
    Figure("full_router", "of it router", "saturated", part("cpu", "router"), " µs"),
    Figure("rate", "deliveries/s, saturated", "saturated", lambda row: row.get("rate")),
    Figure("bytes", "bytes per connection", "paced", part("bytes", "together")),
    Figure("bytes_edges", "of it edges", "paced", part("bytes", "edges")),
    Figure("bytes_router", "of it router", "paced", part("bytes", "router")),
    Figure("p50", "p50, paced", "paced", lambda row: row.get("p50"), " ms"),
    Figure("p99", "p99, paced", "paced", lambda row: row.get("p99"), " ms"),
]
BY_NAME = {f.name: f for f in FIGURES}
JUDGED = ("cpu", "cpu_edges", "cpu_router", "full_cpu", "full_edges", "full_router", "rate", "bytes", "p99")


class Measured:
    """One curve with its figures."""

    def __init__(self, data, results):
        self.name = data["name"]
        self.fixed = data["fixed"]
        self.points = data["points"]
        self.results = results

    def values(self, number, name):
        wanted = BY_NAME[name]
        found = [wanted.of(row) for row in self.results[number][wanted.kind]]
        return [value for value in found if value is not None]

    def line(self, name):
        """(x, median) of every point that has one."""
        every = [(point["x"], self.values(number, name)) for number, point in enumerate(self.points)]
        return [(x, median(values)) for x, values in every if values]

    def flaws(self, number):
        rows = [row for kind in ("paced", "saturated") for row in self.results[number][kind]]
        return sorted({row["flaws"] for row in rows if row["flaws"]})

    def late(self, number):
        return any(row.get("late") for row in self.results[number]["paced"])


# --- judgement --------------------------------------------------------------------------------------


class Judgement:
    """Of a line of positive figures: how it grows with x."""

    def __init__(self, line):
        self.line = [(x, y) for x, y in line if y > 0]
        self.known = len(self.line) > 1
        if self.known:
            self.first, self.last = self.line[0][1], self.line[-1][1]
            self.slope = slope(self.line)
            self.steps = [(slope(pair), pair[0][0], pair[1][0]) for pair in zip(self.line, self.line[1:])]
            self.steepest = max(self.steps, key=lambda step: round(step[0], 3))

    def words(self):
        if not self.known:
            return "not measured"
        if abs(self.slope) < FLAT:
            return "flat" if 1 / FLAT_RATIO <= self.last / self.first <= FLAT_RATIO else "nearly flat"
        if self.slope < 0:
            return "falls"
        if self.slope < PROPORTIONAL[0]:
            return "grows slower than in proportion"
        return "in proportion" if self.slope <= PROPORTIONAL[1] else "**grows faster than in proportion**"


def slope(line):
    """Of the straight line through the logarithms, by least squares."""
    xs, ys = [math.log(x) for x, _ in line], [math.log(y) for _, y in line]
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    over = sum((x - x_mean) ** 2 for x in xs)
    return sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys)) / over if over else 0.0


def judgement_rows(measured):
    rows = []
    for name in JUDGED:
        judgement = Judgement(measured.line(name))
        if not judgement.known:
            continue
        title = BY_NAME[name].title
        if name.endswith(("_edges", "_router")):
            title = "– " + title
        steepest, low, high = judgement.steepest
        rows.append([title, "%s → %s%s" % (figure(judgement.first), figure(judgement.last), BY_NAME[name].unit),
                     "× %s" % figure(judgement.last / judgement.first), "%.2f" % judgement.slope,
                     "%.2f (%s → %s)" % (steepest, "{:,}".format(low), "{:,}".format(high)),
                     judgement.words()])
    return rows


# --- charts -----------------------------------------------------------------------------------------


def chart_line(measured, name, label):
    every = [(point["x"], measured.values(number, name)) for number, point in enumerate(measured.points)]
    return line_charts.Line(label, measured.line(name),
                            [(x, min(values), max(values)) for x, values in every if values])


def draw(out, measured, x_title):
    def panel(title, *lines):
        return line_charts.Panel(title, x_title, [chart_line(measured, name, label) for name, label in lines])

    three = ("together", "edges", "router")
    line_charts.write(os.path.join(comparison_report.folder(out), "growth-%s.svg" % measured.name), [
        panel("server CPU per delivery, paced, µs", *zip(("cpu", "cpu_edges", "cpu_router"), three)),
        panel("server CPU per delivery, saturated, µs", *zip(("full_cpu", "full_edges", "full_router"), three)),
        panel("deliveries per second, saturated", ("rate", "")),
        panel("latency, paced, ms", ("p50", "p50"), ("p99", "p99")),
        panel("bytes per connection, userland", *zip(("bytes", "bytes_edges", "bytes_router"), three)),
    ], COLORS)


# --- text -------------------------------------------------------------------------------------------

METHOD = """\
## Method

- One machine, both ends on it. Every run starts a router and its edges anew (memory class, joins not announced,
  no limits of rates), opens the connections from as many processes of `splitrail-bench` as their descriptors
  need, and waits until all have joined. Each point is two runs:
  - **paced**: {silence} of silence, after which memory is read; then so many messages a second, each at its own
    time whether or not earlier ones were heard. Latency counts from that time (no coordinated omission).
  - **saturated**: so many messages in flight; each that comes back is followed by the next. Here the two
    processors are full, the generator has its part of them, and batches are as large as they get.
- {warm} s to warm up, {duration} s that count, {repetitions}. Payloads are 100 bytes where nothing else is said.
- *CPU per delivery*: processor time of router and edges (all threads, user and kernel, `schedstat`) by the
  messages that clients received meanwhile. *Bytes per connection*: private memory (`smaps_rollup`) less that of
  the empty cluster, by connections; what a process has once is in it, so few connections look dear.
- Every message is accounted for at every receiver: *exact* means nothing lost, repeated, reordered or
  misrouted, and nobody disconnected. *late*: the servers did not keep up with the pace.
- *Slope* is that of log(figure) over log(what grows), by least squares: 0 is flat, 1 is in proportion.
  *Steepest* is the slope between two neighbours. With |slope| < 0.1 a line is called flat (nearly flat when
  its ends differ by more than a factor of 1.6), from 0.9 to 1.1 in proportion.
- The words under *Why* are written by people, beside the curve in `growth.py`; the rest is computed.
"""


def head(data):
    m = data["machine"]
    loads = [row["load"] for points in data["results"].values() for point in points
             for rows in point.values() for row in rows if row.get("load") is not None]
    return ["# How cost grows", "",
            "Written by `./dev bench growth%s` (%s, commit %s, %.0f minutes); do not edit. The figures are in"
            % (" --full" if data["full"] else "", m["at"], m["commit"], data["took_s"] / 60),
            "`benchmarks/growth.json`.", "",
            "%s, %s cores; %s of memory; Linux %s; %s. Load average of the machine at the end of a run: %s." % (
                m["cpu"], m["cores"], m["memory"], m["kernel"], m["libc"], spread(loads)), ""]


def summary(every, curves):
    rows = []
    for measured in every:
        cells = [curves[measured.name].title,
                 "{:,} – {:,}".format(measured.points[0]["x"], measured.points[-1]["x"])]
        for name in ("cpu", "full_cpu", "bytes"):
            judgement = Judgement(measured.line(name))
            cells.append("× %s, slope %.2f: %s" % (
                figure(judgement.last / judgement.first), judgement.slope, judgement.words())
                if judgement.known else "–")
        rows.append(cells)
    return ["## Together", "", "From the smallest to the largest:", ""] + table(
        ["what grows", "from – to", "CPU per delivery, paced", "CPU per delivery, saturated",
         "bytes per connection"], rows)


def in_parts(measured, number, names):
    """total (edges + router)"""
    together, edges, router = (measured.values(number, name) for name in names)
    if not together:
        return "–"
    return "%s (%s + %s)" % (figure(median(together)), figure(median(edges)), figure(median(router)))


def point_row(measured, number, point):
    def cell(name):
        return spread(measured.values(number, name))

    judged = "; ".join(measured.flaws(number)) or "exact"
    return ["{:,}".format(point["x"]), "{:,}".format(point["connections"]), "{:,}".format(point["rooms"]),
            in_parts(measured, number, ("cpu", "cpu_edges", "cpu_router")),
            in_parts(measured, number, ("full_cpu", "full_edges", "full_router")), cell("rate"),
            in_parts(measured, number, ("bytes", "bytes_edges", "bytes_router")), cell("p50"), cell("p99"),
            judged + (", late" if measured.late(number) else "")]


def section(measured, curve):
    lines = ["## %s" % curve.title, "", "%s." % measured.fixed.rstrip("."), "",
             "![%s](benchmarks/growth-%s.svg)" % (curve.title, measured.name), ""]
    lines += table(
        [curve.x_title, "connections, exactly", "rooms", "µs CPU per delivery, paced (edges + router)",
         "saturated (edges + router)", "deliveries/s, saturated", "bytes per connection (edges + router)",
         "p50, ms, paced", "p99, ms, paced", "accounts"],
        [point_row(measured, number, point) for number, point in enumerate(measured.points)])
    lines += ["Expected: %s." % curve.expected, ""]
    lines += table(["figure", "smallest → largest", "ratio", "slope", "steepest", "so it"],
                   judgement_rows(measured))
    return lines + ["**Why.** " + curve.explanation.strip(), ""]


def write(out, curves):
    """GROWTH.md in `out`, from the JSON file there; `curves` by name. True when a run was flawed."""
    data = comparison_report.load(os.path.join(comparison_report.folder(out), "growth.json"))
    if data is None:
        raise SystemExit("no growth.json in %s" % comparison_report.folder(out))
    every = [Measured(described, data["results"][described["name"]]) for described in data["curves"]]
    repetitions = data["repetitions"]
    lines = head(data) + summary(every, curves)
    for measured in every:
        draw(out, measured, curves[measured.name].x_title)
        lines += section(measured, curves[measured.name])
    lines += METHOD.format(
        silence="6 s", warm="0.7", duration="%g" % data["duration_s"],
        repetitions="once" if repetitions == 1 else "%d times in turn; tables have medians" % repetitions).splitlines()
    with open(os.path.join(out, "GROWTH.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines).rstrip("\n") + "\n")
    return any(measured.flaws(number) for measured in every for number in range(len(measured.points)))
