"""Bar charts as SVG, without any library."""

from xml.sax.saxutils import escape

WIDTH = 760
LABEL = 150  # for names at the left of the bars
VALUE = 120  # for figures at their right
ROW = 24
BAR = 15
TITLE = 34
GAP = 14
OURS = "#1b6ca8"
OURS_TOO = "#7fb2d9"
THEIRS = "#b9b4ab"
FONT = "font-family=\"system-ui, 'DejaVu Sans', sans-serif\""


class Bar:
    """One bar: the median of `values`, with a whisker from the least to the most."""

    def __init__(self, label, values, ours=False, note=""):
        self.label = label
        self.values = sorted(values)
        self.ours = ours
        self.note = note  # instead of a figure

    @property
    def middle(self):
        return median(self.values)


class Panel:
    def __init__(self, title, unit, bars):
        self.title = title
        self.unit = unit
        self.bars = bars


def median(values):
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def figure(value):
    """Three digits that mean something, and no exponent."""
    if value >= 100:
        return "{:,.0f}".format(value)
    if value >= 10:
        return "%.1f" % value
    return "%.2f" % value


def text(x, y, what, size=12, anchor="start", weight="normal", fill="#222"):
    return '<text x="%.1f" y="%.1f" font-size="%d" text-anchor="%s" font-weight="%s" fill="%s">%s</text>' % (
        x, y, size, anchor, weight, fill, escape(what))


def draw_bar(bar, scale, y, color):
    middle = y + ROW / 2
    parts = [text(LABEL - 8, middle + 4, bar.label, anchor="end",
                  weight="bold" if bar.ours else "normal")]
    if not bar.values:
        return parts + [text(LABEL + 4, middle + 4, bar.note or "not measured", fill="#777")]
    end = LABEL + bar.middle * scale
    parts.append('<rect x="%d" y="%.1f" width="%.1f" height="%d" rx="2" fill="%s"/>' % (
        LABEL, middle - BAR / 2, max(end - LABEL, 1), BAR, color))
    low, high = LABEL + bar.values[0] * scale, LABEL + bar.values[-1] * scale
    if high - low > 1:
        parts.append('<path d="M%.1f %.1fH%.1fM%.1f %.1fv8M%.1f %.1fv8" stroke="#222" fill="none"/>' % (
            low, middle, high, low, middle - 4, high, middle - 4))
    return parts + [text(max(end, high) + 6, middle + 4, figure(bar.middle) + bar.note)]


def draw_panel(panel, top):
    most = max((bar.values[-1] for bar in panel.bars if bar.values), default=1) or 1
    scale = (WIDTH - LABEL - VALUE) / most
    parts = [text(8, top + 21, panel.title, 14, weight="bold"),
             text(WIDTH - 8, top + 21, panel.unit, 12, "end", fill="#555")]
    y = top + TITLE
    ours = 0
    for bar in panel.bars:
        color = THEIRS
        if bar.ours:
            color = OURS if ours == 0 else OURS_TOO
            ours += 1
        parts += draw_bar(bar, scale, y, color)
        y += ROW
    parts.append('<path d="M%d %.1fV%.1f" stroke="#888"/>' % (LABEL, top + TITLE, y))
    return parts, y + GAP


def write(path, panels):
    parts, y = [], 0
    for panel in panels:
        drawn, y = draw_panel(panel, y)
        parts += drawn
    with open(path, "w", encoding="utf-8") as file:
        file.write('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" %s>\n'
                   '<rect width="100%%" height="100%%" fill="#fff"/>\n%s\n</svg>\n' % (
                       WIDTH, y, WIDTH, y, FONT, "\n".join(parts)))
