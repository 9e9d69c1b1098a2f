"""Metrics of a running cluster: every name of the interface is there, has its kind, and moves."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from urllib.parse import quote

from clients import FreshClusterCase
from cluster import PATIENCE_S, Program, eventually, free_port, http_get
from metric_traffic import Traffic

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
MONITORING = os.path.join(ROOT, "compose", "monitoring")

# What scripts and dashboards rely on: name, kind, labels.
EDGE = {
    "ws_active_connections": ("gauge", {"server_id"}),
    "ws_connections_total": ("counter", {"server_id"}),
    "ws_disconnections_total": ("counter", {"server_id", "reason"}),
    "ws_messages_received_total": ("counter", {"server_id", "type"}),
    "ws_messages_sent_total": ("counter", {"server_id"}),
    "ws_message_size_bytes": ("histogram", {"direction"}),
    "ws_connection_duration_seconds": ("histogram", set()),
    "ws_heartbeat_latency_ms": ("histogram", set()),
    "splitrail_edge_output_bytes": ("gauge", set()),
    "splitrail_edge_slow_closes_total": ("counter", {"limit"}),
    "splitrail_edge_held_frames": ("gauge", set()),
    "splitrail_edge_refused_total": ("counter", {"reason"}),
    "splitrail_edge_memory_bytes": ("gauge", {"type"}),
    "splitrail_edge_loop_turn_seconds": ("histogram", set()),
}
BUCKETS = {
    "ws_message_size_bytes": "64 256 1024 4096 16384 65536",
    "ws_connection_duration_seconds": "1 10 60 300 900 3600 86400",
    "ws_heartbeat_latency_ms": "1 5 10 25 50 100 250 500 1000",
}
REASONS = ("client heartbeat_timeout slow_consumer drain unauthorized token_expired policy kicked "
           "protocol_error message_too_big router_lost network_error").split()
ROUTER = {
    "splitrail_router_users": ("gauge", set()),
    "splitrail_router_connections": ("gauge", set()),
    "splitrail_router_rooms": ("gauge", set()),
    "splitrail_router_members": ("gauge", set()),
    "splitrail_router_commands_total": ("counter", {"type"}),
    "splitrail_router_command_errors_total": ("counter", {"code"}),
    "splitrail_router_deliveries_total": ("counter", set()),
    "splitrail_router_rate_limited_total": ("counter", {"reason"}),
    "splitrail_router_appends_total": ("counter", set()),
    "splitrail_router_store_commit_seconds": ("histogram", set()),
    "splitrail_router_link_credit_bytes": ("gauge", set()),
    "splitrail_router_resyncs_total": ("counter", {"kind"}),
    "splitrail_router_registry_divergence_total": ("counter", set()),
    "splitrail_router_plane_canary_rtt_seconds": ("histogram", set()),
    "splitrail_router_step_seconds": ("histogram", set()),
    "splitrail_router_loop_turn_seconds": ("histogram", set()),
    "splitrail_router_loop_turn_longest_seconds": ("gauge", set()),
}
# The one thing that promtool would have otherwise, on pages of edges: the name is part of the interface, and
# dashboards expect it.
KNOWN_COMPLAINT = "ws_heartbeat_latency_ms metric names should not contain abbreviated units"


def page(port):
    return http_get(port, "/metrics")[2]


def samples(text, name):
    """[(labels, value)] of one name, histograms by their _count."""
    found = []
    for line in text.splitlines():
        key, _, value = line.rpartition(" ")
        base, _, rest = key.partition("{")
        if base in (name, name + "_count"):
            labels = dict(pair.split("=", 1) for pair in rest.rstrip("}").split(",") if pair)
            found.append(({k: v.strip('"') for k, v in labels.items()}, float(value)))
    return found


def total(text, name, **labels):
    return sum(value for have, value in samples(text, name)
               if all(have.get(k) == v for k, v in labels.items()))


class DurableCase(FreshClusterCase):
    """Clusters with a store, in which what is measured now and then is measured often."""

    edge_options = ("--heartbeat-interval", "1s", "--heartbeat-timeout", "20s", "--canary-interval", "200ms")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dir = tempfile.mkdtemp(prefix="splitrail-metrics-")
        cls.router_options = ("--data-dir", cls.dir, "--digest-interval", "200ms")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir)
        super().tearDownClass()


class Named(DurableCase):
    def check(self, text, wanted):
        for name, (kind, labels) in wanted.items():
            self.assertIn("# TYPE %s %s\n" % (name, kind), text)
            have = samples(text, name)
            self.assertTrue(have, name)
            for found, _ in have:
                self.assertEqual(set(found), labels, name)

    async def test_every_name_of_the_interface_has_its_kind_labels_and_buckets(self):
        edge = self.cluster.edges[0]
        text = page(edge.http_port)
        self.check(text, EDGE)
        for name, bounds in BUCKETS.items():
            lines = [l for l in text.splitlines() if l.startswith(name + "_bucket")]
            found = [l.split('le="')[1].split('"')[0] for l in lines]
            self.assertEqual(found[:len(bounds.split()) + 1], bounds.split() + ["+Inf"], name)
        self.assertEqual([l["reason"] for l, _ in samples(text, "ws_disconnections_total")], REASONS)
        self.assertEqual({l["server_id"] for l, _ in samples(text, "ws_connections_total")}, {edge.id})
        self.check(page(self.cluster.http_port), ROUTER)

    async def test_what_promtool_says_of_both_pages_is_nothing_new(self):
        if not shutil.which("promtool"):
            self.skipTest("promtool is not installed (package prometheus)")
        for port, known in ((self.cluster.http_port, []),
                            (self.cluster.edges[0].http_port, [KNOWN_COMPLAINT])):
            done = subprocess.run(["promtool", "check", "metrics"], input=page(port), text=True,
                                  capture_output=True)
            said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            self.assertEqual((said, done.returncode), (known, 3 if known else 0))

    async def moved(self, port, before, wanted):
        """All these have grown. What is measured now and then, and ends that an edge notices when their
        client has gone, come after what a client sees."""
        def resting():
            now = page(port)
            return [(name, labels) for name, labels in wanted
                    if total(now, name, **labels) <= total(before, name, **labels)]
        left = []
        try:
            await eventually(lambda: not left.append(resting()) and not left[-1], "all have moved")
        except AssertionError:
            self.fail("these did not move: %s" % left[-1])

    async def test_they_move_with_what_happens(self):
        edge = self.cluster.edges[0]
        before, router_before = page(edge.http_port), page(self.cluster.http_port)
        async with Traffic(self.cluster) as traffic:
            await traffic.everything()
            await self.moved(edge.http_port, before, [
                ("ws_connections_total", {}), ("ws_messages_received_total", {"type": "text"}),
                ("ws_messages_sent_total", {}), ("ws_message_size_bytes", {"direction": "out"}),
                ("ws_connection_duration_seconds", {}), ("splitrail_edge_loop_turn_seconds", {}),
                ("ws_heartbeat_latency_ms", {}), ("splitrail_edge_canary_rtt_seconds", {}),
                ("splitrail_edge_refused_total", {"reason": "path"})] + [
                ("ws_disconnections_total", {"reason": reason})
                for reason in ("client", "kicked", "message_too_big", "protocol_error")])
            await self.moved(self.cluster.http_port, router_before, [
                ("splitrail_router_" + name, labels) for name, labels in {
                    "commands_total": {"type": "room_message"},
                    "command_errors_total": {"code": "not_member"},
                    "room_messages_total": {}, "direct_messages_total": {}, "deliveries_total": {},
                    "rate_limited_total": {"reason": "messages"}, "appends_total": {},
                    "store_messages_total": {}, "store_commits_total": {}, "store_commit_seconds": {},
                    "store_committing_seconds_total": {}, "plane_canary_rtt_seconds": {},
                    "step_seconds": {}, "loop_turn_seconds": {}, "registry_compared_total": {},
                    "admin_requests_total": {"status": "ok"}}.items()])
            after, router_after = page(edge.http_port), page(self.cluster.http_port)
            # Half of the four people; those who did wrong have gone.
            self.assertEqual(samples(after, "ws_active_connections"), [({"server_id": edge.id}, 2)])
            for name in ("users", "connections", "rooms", "members", "link_credit_bytes",
                         "store_free_bytes", "store_bytes", "uptime_seconds"):
                self.assertGreater(total(router_after, "splitrail_router_" + name), 0, name)
            for name in ("memory_bytes", "max_connections", "groups", "link_up"):
                self.assertGreater(total(after, "splitrail_edge_" + name), 0, name)
        self.assertEqual(total(router_after, "splitrail_router_registry_divergence_total"), 0)

    async def test_a_paused_edge_counts_that_it_was_taken_for_dead(self):
        edge = self.cluster.edges[1]
        await self.client(edge=1)
        edge.program.send_signal(signal.SIGSTOP)
        try:
            await eventually(lambda: len(self.cluster.ctl("edges")["edges"]) == 1 or self.cluster.metrics()[
                "splitrail_router_edges"] == 1, "edge is dead")
        finally:
            edge.program.send_signal(signal.SIGCONT)
        await eventually(lambda: edge.metrics()["splitrail_edge_link_fenced_total"] == 1, "fenced")


PROMETHEUS = shutil.which("prometheus")
CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: splitrail-router
    static_configs: [{{targets: ["127.0.0.1:{router}"]}}]
  - job_name: splitrail-edge
    static_configs: [{{targets: [{edges}]}}]
"""


class Prometheus:
    """The real one, on a port and in a directory of its own."""

    def __init__(self, cluster):
        self.dir = tempfile.mkdtemp(prefix="splitrail-prometheus-")
        self.port = free_port()
        config = os.path.join(self.dir, "prometheus.yml")
        with open(config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(
                rules=os.path.join(MONITORING, "alerts.yml"), router=cluster.http_port,
                edges=", ".join('"127.0.0.1:%d"' % edge.http_port for edge in cluster.edges)))
        self.program = Program("prometheus", [
            PROMETHEUS, "--config.file", config, "--storage.tsdb.path", os.path.join(self.dir, "data"),
            "--web.listen-address", "127.0.0.1:%d" % self.port])

    def query(self, text):
        status, _, body = http_get(self.port, "/api/v1/query?query=" + quote(text))
        if status != 200:
            raise AssertionError("%s: %s" % (text, body))
        return json.loads(body)["data"]["result"]

    def ready(self):
        try:
            return http_get(self.port, "/-/ready")[0] == 200
        except OSError:
            return False

    def close(self):
        if self.program.running():
            self.program.send_signal(signal.SIGTERM)
            self.program.wait()
        shutil.rmtree(self.dir)


def dashboard_queries():
    with open(os.path.join(MONITORING, "dashboard.json"), encoding="utf-8") as file:
        for panel in json.load(file)["panels"]:
            for target in panel.get("targets", []):
                yield panel["title"], target["expr"].replace("$__rate_interval", "10s").replace(
                    "$instance", ".*")


@unittest.skipUnless(PROMETHEUS, "Prometheus is not installed (package prometheus)")
class Dashboard(DurableCase):
    async def test_every_panel_shows_data_and_no_alert_fires_on_a_healthy_cluster(self):
        prometheus = Prometheus(self.cluster)
        try:
            await eventually(prometheus.ready, "Prometheus is ready")
            async with Traffic(self.cluster) as traffic:
                for _ in range(4):
                    await traffic.everything()
                    await asyncio.sleep(1)  # its scrapes are a second apart
                await eventually(lambda: len(prometheus.query("up == 1")) == 3, "all are scraped")
                await self.all_panels(prometheus, traffic)
            firing = {a["metric"]["alertname"] for a in prometheus.query('ALERTS{alertstate="firing"}')}
            # The traffic provokes refusals of commands; nothing of ours fails.
            self.assertEqual(firing, set())
        finally:
            prometheus.close()

    async def all_panels(self, prometheus, traffic):
        end = time.monotonic() + PATIENCE_S
        while True:
            await traffic.everything()
            left = await asyncio.to_thread(self.empty, prometheus)
            if not left:
                return
            self.assertLess(time.monotonic(), end, "no data: %s" % left)
            await asyncio.sleep(0.5)

    def empty(self, prometheus):
        """Queries without a sample, or whose quantiles are of nothing."""
        return [(title, expr) for title, expr in dashboard_queries()
                if all(sample["value"][1] == "NaN" for sample in prometheus.query(expr))]

    async def test_the_alert_for_a_router_that_is_gone_fires(self):
        prometheus = Prometheus(self.cluster)
        try:
            await eventually(prometheus.ready, "Prometheus is ready")
            await eventually(lambda: len(prometheus.query("up == 1")) == 3, "all are scraped")
            self.cluster.router.kill()
            await eventually(lambda: prometheus.query(
                'ALERTS{alertname="SplitrailEdgeWithoutRouter",alertstate="firing"}'), "alert", 4 * PATIENCE_S)
            self.cluster.start_router()
            await self.cluster.ready()
            await eventually(lambda: not prometheus.query(
                'ALERTS{alertname="SplitrailEdgeWithoutRouter",alertstate="firing"}'), "alert ends", 4 * PATIENCE_S)
        finally:
            prometheus.close()


if __name__ == "__main__":
    unittest.main()
