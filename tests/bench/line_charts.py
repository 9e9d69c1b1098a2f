"""Line charts with logarithmic axes as SVG, several in one picture, without any library."""

import math

from charts import FONT, OURS, text

WIDTH = 760
PANEL_WIDTH = WIDTH / 2
PANEL_HEIGHT = 236
LEFT = 58  # for the figures of the y axis
RIGHT = 14
TOP = 48  # title and legend
BOTTOM = 40
LEGEND_HEIGHT = 28  # of one for all
COLORS = (OURS, "#d1782f", "#5d9c59", "#8a5fa8", "#b5423c", "#7a7a7a", "#2aa5a0")
LEAST_SPAN = 4  # of the y axis: noise is not to look like a slope


class Line:
    """(x, y) pairs; y below or equal to 0 is left out. `spread`: (x, least, most) of each."""

    def __init__(self, name, points, spread=()):
        self.name = name
        self.points = [(x, y) for x, y in points if y is not None and y > 0]
        self.spread = [(x, low, high) for x, low, high in spread if low > 0]


class Panel:
    def __init__(self, title, x_title, lines, linear_x=False, least=None):
        self.title = title
        self.x_title = x_title
        self.lines = [line for line in lines if line.points]
        self.linear_x = linear_x
        self.least = least  # of the y axis, where it is not to fit the data


def short(value):
    """At most four letters or so: 0.5, 20, 3k, 64Ki, 2M."""
    if value >= 1024 and value % 1024 == 0:
        return "%dKi" % (value / 1024)
    value = float("%.2g" % value)
    for factor, unit in ((1e6, "M"), (1e3, "k")):
        if value >= factor:
            return "%g%s" % (value / factor, unit)
    return "%g" % value


def steps(low, high):
    """1, 2, 5, 10, … from the one below `low` to the one above `high`."""
    found, exponent = [], math.floor(math.log10(low))
    while not found or found[-1] < high * 0.999:
        for digit in (1, 2, 5):
            step = digit * 10.0 ** exponent
            following = 10.0 ** exponent * {1: 2, 2: 5, 5: 10}[digit]
            if following > low * 1.001 and (not found or found[-1] < high * 0.999):
                found.append(step)
        exponent += 1
    return found


class Axis:
    """From values to places; `marks` are the values that get a figure."""

    def __init__(self, low, high, start, end, linear=False):
        self.turn = (lambda v: v) if linear else math.log10
        self.low, self.high = self.turn(low), self.turn(high)
        self.start, self.end = start, end

    def at(self, value):
        share = (self.turn(value) - self.low) / ((self.high - self.low) or 1)
        return self.start + share * (self.end - self.start)


def y_axis(panel, top):
    values = [y for line in panel.lines for _, y in line.points]
    values += [v for line in panel.lines for _, low, high in line.spread for v in (low, high)]
    low, high = min(values), max(values)
    if high / low < LEAST_SPAN:
        middle = math.sqrt(low * high)
        low, high = middle / math.sqrt(LEAST_SPAN), middle * math.sqrt(LEAST_SPAN)
    marks = steps(low, high)
    axis = Axis(marks[0], marks[-1], top + PANEL_HEIGHT - BOTTOM, top + TOP)
    if len(marks) > 7:
        marks = [m for m in marks if ("%e" % m)[0] == "1"]
    return axis, marks


def x_axis(panel, left):
    values = sorted({x for line in panel.lines for x, _ in line.points})
    low, high = values[0], values[-1]
    if low == high:
        high = low * 2
    axis = Axis(low, high, left + LEFT + 8, left + PANEL_WIDTH - RIGHT - 10, panel.linear_x)
    marks, last = [], -1e9
    for value in values:
        if axis.at(value) - last >= 34:
            marks.append(value)
            last = axis.at(value)
    return axis, marks


def draw_frame(panel, left, top, x, y):
    (x_of, x_marks), (y_of, y_marks) = x, y
    right, bottom = left + PANEL_WIDTH - RIGHT, top + PANEL_HEIGHT - BOTTOM
    parts = [text(left + 10, top + 18, panel.title, 12, weight="bold")]
    for mark in y_marks:
        parts.append('<path d="M%.1f %.1fH%.1f" stroke="#e3e0da"/>' % (left + LEFT, y_of.at(mark), right))
        parts.append(text(left + LEFT - 6, y_of.at(mark) + 4, short(mark), 10, "end", fill="#555"))
    for mark in x_marks:
        parts.append('<path d="M%.1f %.1fv4" stroke="#888"/>' % (x_of.at(mark), bottom))
        parts.append(text(x_of.at(mark), bottom + 15, short(mark), 10, "middle", fill="#555"))
    parts.append(text((left + LEFT + right) / 2, bottom + 29, panel.x_title, 10, "middle", fill="#555"))
    parts.append('<path d="M%.1f %.1fV%.1fH%.1f" stroke="#888" fill="none"/>' % (
        left + LEFT, top + TOP - 4, bottom, right))
    return parts


def draw_line(line, color, x_of, y_of):
    parts = []
    for x, low, high in line.spread:
        if high > low:
            parts.append('<path d="M%.1f %.1fV%.1f" stroke="%s" opacity="0.55"/>' % (
                x_of.at(x), y_of.at(low), y_of.at(high), color))
    places = " ".join("%.1f,%.1f" % (x_of.at(x), y_of.at(y)) for x, y in line.points)
    parts.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>' % (places, color))
    return parts + ['<circle cx="%.1f" cy="%.1f" r="2.6" fill="%s"/>' % (x_of.at(x), y_of.at(y), color)
                    for x, y in line.points]


def draw_legend(names, left, top, colors):
    parts, at = [], left
    for name in names:
        parts.append('<rect x="%.1f" y="%.1f" width="9" height="9" rx="2" fill="%s"/>' % (
            at, top, colors[name]))
        parts.append(text(at + 13, top + 8, name, 10, fill="#444"))
        at += 26 + 5.6 * len(name)
    return parts


def draw_panel(panel, left, top, colors, with_legend):
    if not panel.lines:
        return [text(left + 10, top + 18, panel.title, 12, weight="bold"),
                text(left + LEFT, top + 60, "not measured", fill="#777")]
    x, y = x_axis(panel, left), y_axis(panel, top)
    parts = draw_frame(panel, left, top, x, y)
    for line in panel.lines:
        parts += draw_line(line, colors[line.name], x[0], y[0])
    names = [line.name for line in panel.lines if line.name] if with_legend else ()
    return parts + draw_legend(names, left + LEFT, top + 27, colors)


def write(path, panels, colors=None, one_legend=False):
    """Two panels in a row. A name has the same colour in all of them, so one legend can be for all."""
    colors = dict(colors or {})
    for panel in panels:
        for line in panel.lines:
            colors.setdefault(line.name, COLORS[len(colors) % len(COLORS)])
    names = {line.name: True for panel in panels for line in panel.lines}
    parts = draw_legend(names, LEFT, 10, colors) if one_legend else []
    first = LEGEND_HEIGHT if one_legend else 0
    for number, panel in enumerate(panels):
        parts += draw_panel(panel, (number % 2) * PANEL_WIDTH, first + (number // 2) * PANEL_HEIGHT, colors,
                            not one_legend)
    height = first + -(-len(panels) // 2) * PANEL_HEIGHT
    with open(path, "w", encoding="utf-8") as file:
        file.write('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" %s>\n'
                   '<rect width="100%%" height="100%%" fill="#fff"/>\n%s\n</svg>\n' % (
                       WIDTH, height, WIDTH, height, FONT, "\n".join(parts)))
