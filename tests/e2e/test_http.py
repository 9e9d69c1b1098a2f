"""Health, readiness, metrics; bad options and occupied ports."""

import os
import re
import socket
import subprocess
import tempfile
import unittest

from clients import ClusterCase
from cluster import BIN, eventually, free_port, http_get

EDGE_METRICS = {
    "ws_active_connections": "gauge",
    "ws_connections_total": "counter",
    "ws_disconnections_total": "counter",
    "ws_messages_received_total": "counter",
    "ws_messages_sent_total": "counter",
    "ws_message_size_bytes": "histogram",
    "ws_connection_duration_seconds": "histogram",
    "ws_heartbeat_latency_ms": "histogram",
}

BUCKETS = {
    "ws_message_size_bytes": "64 256 1024 4096 16384 65536 +Inf",
    "ws_connection_duration_seconds": "1 10 60 300 900 3600 86400 +Inf",
    "ws_heartbeat_latency_ms": "1 5 10 25 50 100 250 500 1000 +Inf",
}

REASONS = ("client heartbeat_timeout slow_consumer drain unauthorized token_expired policy kicked "
           "protocol_error message_too_big router_lost network_error").split()


class Http(ClusterCase):
    async def test_health_and_ready_answer_200_when_all_is_well(self):
        for port in [self.cluster.http_port, *(e.http_port for e in self.cluster.edges)]:
            self.assertEqual(http_get(port, "/health")[0], 200)
            await eventually(lambda: http_get(port, "/ready")[0] == 200, "ready")
            self.assertEqual(http_get(port, "/nothing")[0], 404)
            self.assertEqual(http_get(port, "/metrics", "POST")[0], 405)

    async def test_the_edge_has_the_metrics_that_dashboards_expect(self):
        client = await self.client()
        await client.ok("ping")
        edge = self.cluster.edges[0]
        status, headers, page = http_get(edge.http_port, "/metrics")
        self.assertEqual(status, 200)
        self.assertTrue(headers["Content-Type"].startswith("text/plain"))
        for name, kind in EDGE_METRICS.items():
            self.assertIn("# TYPE %s %s\n" % (name, kind), page)
            self.assertIn("# HELP %s " % name, page)
        for name, bounds in BUCKETS.items():
            found = re.findall(r'^%s_bucket\{.*le="([^"]+)"\}' % name, page, re.M)
            self.assertEqual(found[:len(bounds.split())], bounds.split(), name)
        for reason in REASONS:
            self.assertIn('ws_disconnections_total{server_id="edge-1",reason="%s"}' % reason, page)
        metrics = edge.metrics()
        self.assertEqual(metrics['ws_active_connections{server_id="edge-1"}'], 1)
        self.assertGreaterEqual(metrics['ws_connections_total{server_id="edge-1"}'], 1)
        self.assertGreaterEqual(
            metrics['ws_messages_received_total{server_id="edge-1",type="text"}'], 1)
        self.assertGreaterEqual(metrics['ws_messages_sent_total{server_id="edge-1"}'], 3)
        self.assertIn('ws_message_size_bytes_count{direction="in"}', metrics)
        self.assertIn('ws_message_size_bytes_count{direction="out"}', metrics)

    async def test_every_line_of_a_metrics_page_is_well_formed(self):
        line = re.compile(r'^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})?'
                          r' -?[0-9.e+-]+)$')
        for port in [self.cluster.http_port, self.cluster.edges[0].http_port]:
            page = http_get(port, "/metrics")[2]
            self.assertTrue(page.endswith("\n"))
            for text in page.splitlines():
                self.assertRegex(text, line)

    async def test_the_router_counts_who_is_here(self):
        await self.client(edge=0)
        await self.client(edge=1)
        # Those of another test have gone, at its edge first.
        await eventually(lambda: self.cluster.metrics()["splitrail_router_connections"] == 2, "two are here")
        self.assertEqual(self.cluster.metrics()["splitrail_router_edges"], 2)


class Starts(unittest.TestCase):
    """A wrong start ends at once with one clear line."""

    def start(self, program, *args, env=None):
        done = subprocess.run([os.path.join(BIN, program), *args], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=30, env=dict(os.environ, **(env or {})))
        return done.returncode, done.stdout, done.stderr

    def assert_usage(self, words, program, *args, env=None):
        code, _, err = self.start(program, *args, env=env)
        self.assertEqual(code, 2, err)
        self.assertEqual(len(err.splitlines()), 1, err)
        self.assertEqual(err.count(program), 1, err)
        for word in words:
            self.assertIn(word, err)

    def test_a_bad_option_ends_with_2_and_says_which_and_why(self):
        self.assert_usage(["nonsense"], "splitrail-edge", "--nonsense", "1")
        self.assert_usage(["heartbeat-interval", "5x"], "splitrail-edge", "--heartbeat-interval", "5x")
        self.assert_usage(["heartbeat-timeout"], "splitrail-edge", "--heartbeat-timeout", "1ms")
        self.assert_usage(["listen"], "splitrail-edge", "--listen", "nowhere")
        self.assert_usage(["auth", "insecure", "jwt"], "splitrail-router", "--auth", "magic")
        self.assert_usage(["jwt-hs256-file"], "splitrail-router", "--auth", "jwt")
        self.assert_usage(["presence-grace"], "splitrail-router", "--auth", "insecure",
                          "--presence-grace", "soon")
        self.assert_usage(["insecure-plane"], "splitrail-router", "--auth", "insecure",
                          "--bind", "tcp://0.0.0.0:%d" % free_port())
        self.assert_usage(["insecure-plane"], "splitrail-edge", "--router", "tcp://192.0.2.1:7400")

    def test_environment_and_file_are_checked_as_flags_are(self):
        self.assert_usage(["SPLITRAIL_HEARTBEAT_INTERVAL", "never"], "splitrail-edge",
                          env={"SPLITRAIL_HEARTBEAT_INTERVAL": "never"})
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("heartbeat-interval = 10s\nwhat = ever\n")
            file.flush()
            self.assert_usage(["what", file.name], "splitrail-edge", "--config", file.name)

    def test_an_occupied_port_ends_the_start_and_is_named(self):
        for program, option in (("splitrail-edge", "--listen"), ("splitrail-edge", "--http-listen"),
                                ("splitrail-router", "--http-listen"), ("splitrail-router", "--bind"),
                                ("splitrail-router", "--admin-bind")):
            with self.subTest(program=program, option=option), socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                taken.listen()
                port = taken.getsockname()[1]
                address = "127.0.0.1:%d" % port
                places = {"--listen": "127.0.0.1:%d" % free_port(),
                          "--http-listen": "127.0.0.1:%d" % free_port()}
                if program == "splitrail-router":
                    places = {"--bind": "tcp://127.0.0.1:%d" % free_port(),
                              "--admin-bind": "tcp://127.0.0.1:%d" % free_port(),
                              "--http-listen": places["--http-listen"]}
                places[option] = address if "listen" in option else "tcp://" + address
                args = [word for pair in places.items() for word in pair]
                if program == "splitrail-router":
                    args += ["--auth", "insecure"]
                code, out, err = self.start(program, *args)
                self.assertEqual(code, 1, err)
                self.assertIn(str(port), (out + err).strip().splitlines()[-1])

    def test_help_and_version_are_printed(self):
        for program in ("splitrail-edge", "splitrail-router", "splitrailctl"):
            code, out, _ = self.start(program, "--help")
            self.assertEqual(code, 0)
            self.assertIn(program, out)
            code, out, _ = self.start(program, "--version")
            self.assertEqual(code, 0)
            self.assertRegex(out, r"\d+\.\d+\.\d+")


if __name__ == "__main__":
    unittest.main()
