#!/usr/bin/env python3
"""dashboard.py BIN: prints the Grafana dashboard, made from the metric tables of the programs in BIN.

Every metric has a panel, whose description is its help. ./dev docs writes the file anew.
"""

import json
import os
import re
import subprocess
import sys

ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (\w*) \| (.*) \|$")

# Row title, then the names that belong there; the first that fits counts.
SECTIONS = (
    ("Clients", r"ws_"),
    ("Edges: links to the router", r"splitrail_edge_(link|canary|offset|repair|repeated|unknown|connect|held|unavail)"),
    ("Edges: TLS and compression", r"splitrail_edge_(tls|compress)"),
    ("Edges", r"splitrail_edge_"),
    ("Router: who is there", r"splitrail_router_(users|conn|detached|mass|length|rooms|members|edges|ready|inc|uptime|bans)"),
    ("Router: store", r"splitrail_router_(store|parked)"),
    ("Router: plane", r"splitrail_router_(link|plane|resync|registry|announces|curve)"),
    ("Router: tokens, operators, API", r"splitrail_router_(auth|token|admin|api)"),
    ("Router: messages", r"splitrail_router_"),
)
UNITS = {"bytes": "bytes", "seconds": "s", "milliseconds": "ms"}

# Title, query, unit, legend: what one wants to see first.
OVERVIEW = (
    ("Clients", "sum(ws_active_connections)", "short", ""),
    ("Places taken", "sum(ws_active_connections) / sum(splitrail_edge_max_connections)", "percentunit", ""),
    ("Edges", "splitrail_router_edges", "short", ""),
    ("Router ready", "min(splitrail_router_ready)", "bool_yes_no", ""),
    ("Messages in", "sum(rate(ws_messages_received_total[$__rate_interval]))", "ops", ""),
    ("Messages out", "sum(rate(ws_messages_sent_total[$__rate_interval]))", "ops", ""),
    ("Way to the router, 99 %",
     "histogram_quantile(0.99, sum by (le) (rate(splitrail_edge_canary_rtt_seconds_bucket[$__rate_interval])))",
     "s", ""),
    ("Alerts", 'count(ALERTS{alertstate="firing"}) or vector(0)', "short", ""),
)


def table(bin_dir, program):
    """(name, kind, label, unit, help) of each metric."""
    text = subprocess.run([os.path.join(bin_dir, program), "--metrics-markdown"], check=True,
                          capture_output=True, text=True).stdout
    for line in text.splitlines():
        found = ROW.match(line)
        if found:
            name, kind, labels, unit, about = found.groups()
            names = [l for l in re.findall(r"`(\w+)`", labels) if l != "server_id"]
            yield name, kind, names[0] if names else None, unit, about.replace("\\|", "|")


def queries(name, kind, label):
    """(query, legend) pairs."""
    only = '{instance=~"$instance"}' if not name.startswith("splitrail_router_") else ""
    by = ", ".join(["instance"] + ([label] if label else []))
    legend = "{{instance}}" + (" {{%s}}" % label if label else "")
    if kind == "gauge":
        return [("sum by (%s) (%s%s)" % (by, name, only), legend)]
    if kind == "counter":
        return [("sum by (%s) (rate(%s%s[$__rate_interval]))" % (by, name, only), legend)]
    own = ", ".join(([label] if label else []) + ["le"])
    shown = "{{%s}} " % label if label else ""
    return [("histogram_quantile(%s, sum by (%s) (rate(%s_bucket%s[$__rate_interval])))"
             % (q, own, name, only), shown + title)
            for q, title in (("0.5", "half"), ("0.99", "99 %"))]


def panel(number, kind, title, about, targets, unit, place):
    return {
        "id": number, "type": kind, "title": title, "description": about,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [{"refId": chr(ord("A") + i), "expr": expr, "legendFormat": legend}
                    for i, (expr, legend) in enumerate(targets)],
    }


class Board:
    """Panels, placed four in a line of 24 columns."""

    def __init__(self):
        self.panels = []
        self.y = 0

    def row(self, title, kind, width, height, panels):
        self.panels.append({"id": len(self.panels) + 1, "type": "row", "title": title,
                            "collapsed": False, "panels": [],
                            "gridPos": {"x": 0, "y": self.y, "w": 24, "h": 1}})
        self.y += 1
        for i, (name, about, targets, unit) in enumerate(panels):
            x = i * width % 24
            if i and x == 0:
                self.y += height
            self.panels.append(panel(len(self.panels) + 1, kind, name, about, targets, unit,
                                     {"x": x, "y": self.y, "w": width, "h": height}))
        self.y += height


def unit_of(kind, unit):
    if kind == "counter":
        return {"bytes": "Bps", "seconds": "percentunit"}.get(unit, "ops")
    return UNITS.get(unit, "short")


def metrics_board(metrics):
    board = Board()
    board.row("Overview", "stat", 3, 4,
              [(title, "", [(expr, legend)], unit) for title, expr, unit, legend in OVERVIEW])
    left = list(metrics)
    for title, pattern in SECTIONS:
        mine = [m for m in left if re.match(pattern, m[0])]
        left = [m for m in left if m not in mine]
        board.row(title, "timeseries", 6, 7,
                  [(re.sub("^splitrail_(edge|router)_", "", name), "`%s`: %s" % (name, about),
                    queries(name, kind, label), unit_of(kind, unit))
                   for name, kind, label, unit, about in mine])
    assert not left, left
    return board.panels


def variable(name, **more):
    return {"name": name, "label": name, "hide": 0, **more}


def main():
    metrics = list(table(sys.argv[1], "splitrail-edge")) + list(table(sys.argv[1], "splitrail-router"))
    assert len(metrics) > 50, "the tables could not be read"
    board = {
        "uid": "splitrail", "title": "Splitrail", "tags": ["splitrail"], "schemaVersion": 37,
        "editable": True, "refresh": "10s", "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [
            variable("datasource", type="datasource", query="prometheus"),
            variable("instance", type="query", query="label_values(splitrail_edge_link_up, instance)",
                     datasource={"type": "prometheus", "uid": "${datasource}"}, refresh=2, multi=True,
                     includeAll=True, allValue=".*", current={"text": "All", "value": "$__all"}),
        ]},
        "annotations": {"list": [{
            "name": "Router started", "enable": True, "iconColor": "orange",
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "expr": "changes(splitrail_router_incarnation[1m]) > 0"}]},
        "panels": metrics_board(metrics),
    }
    print(json.dumps(board, indent=1))


if __name__ == "__main__":
    main()
