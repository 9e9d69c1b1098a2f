"""Traces of messages go to an OpenTelemetry collector, which is played here."""

import http.server
import json
import re
import socket
import threading
import unittest

from clients import ClusterCase
from cluster import Cluster, eventually


class Collector:
    """Answers with `code`; `heard` are (path, content type, body read)."""

    def __init__(self, port=0):
        self.heard = []
        self.code = 200
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.heard.append((self.path, self.headers["Content-Type"], json.loads(body)))
                self.send_response(collector.code)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def spans(self, room):
        """(resource attributes, span) of the traces of a room."""
        found = []
        for _, _, body in self.heard:
            for part in body["resourceSpans"]:
                resource = attributes(part["resource"])
                found += [(resource, span) for scope in part["scopeSpans"]
                          for span in scope["spans"]]
        traces = {span["traceId"] for _, span in found
                  if attributes(span).get("messaging.destination.name") == room}
        return [pair for pair in found if pair[1]["traceId"] in traces]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def attributes(item):
    return {a["key"]: next(iter(a["value"].values())) for a in item.get("attributes", [])}


class Otlp(ClusterCase):
    @classmethod
    def setUpClass(cls):
        cls.collector = Collector()
        cls.addClassCleanup(cls.collector.close)
        cls.router_options = ["--max-messages-per-second", "0", "--otlp-endpoint",
                              "http://localhost:%d" % cls.collector.port]
        super().setUpClass()

    def total(self, result):
        return self.cluster.metrics().get(
            'splitrail_router_otlp_traces_total{result="%s"}' % result, 0)

    async def traced(self, clients, room, count=1):
        """Says something that is traced because somebody asks for it."""
        program = self.cluster.run("trace", "splitrailctl", "--router", self.cluster.admin, "trace",
                                   "room", room)
        self.addCleanup(program.kill)
        await eventually(lambda: program.find("watching"), "the trace has begun")
        for _ in range(count):
            await clients[0].ok("room_message", room=room, payload="secret")

    async def members(self):
        room = self.new()
        clients = [await self.client(), await self.client(edge=1)]
        for client in clients:
            await client.ok("join", room=room)
        return room, clients

    async def test_the_way_of_a_message_is_told_as_spans(self):
        room, clients = await self.members()
        sent = self.total("sent")
        await self.traced(clients, room)
        await eventually(lambda: self.collector.spans(room), "the collector has heard")
        path, kind, _ = self.collector.heard[-1]
        self.assertEqual((path, kind), ("/v1/traces", "application/json"))
        spans = self.collector.spans(room)
        self.assertEqual(len({span["traceId"] for _, span in spans}), 1)
        self.assertEqual(sorted(span["name"] for _, span in spans),
                         ["commit", "deliver", "deliver", "message", "to the router"])
        root = next(span for _, span in spans if "parentSpanId" not in span)
        for resource, span in spans:
            self.assertRegex(span["traceId"], r"^[0-9a-f]{32}$")
            self.assertRegex(span["spanId"], r"^[0-9a-f]{16}$")
            self.assertEqual(span.get("parentSpanId", root["spanId"]), root["spanId"])
            self.assertLessEqual(int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"]))
            edge = span["name"] == "deliver"
            self.assertEqual(resource["service.name"],
                             "splitrail-edge" if edge else "splitrail-router")
        told = attributes(root)
        self.assertEqual((told["splitrail.offset"], told["splitrail.connections"]), ("1", "2"))
        delivered = [span for _, span in spans if span["name"] == "deliver"]
        self.assertEqual(len({resource["service.instance.id"] for resource, span in spans
                              if span["name"] == "deliver"}), 2)
        for span in delivered:
            self.assertEqual(attributes(span), {"splitrail.queued": "1", "splitrail.written": "1"})
            self.assertEqual([e["name"] for e in span["events"]],
                             ["first queued", "last queued", "first written", "last written"])
        self.assertNotIn("secret", json.dumps(self.collector.heard))
        self.assertNotIn(clients[0].user, json.dumps(self.collector.heard))
        await eventually(lambda: self.total("sent") > sent, "it was counted")

    async def test_a_collector_that_refuses_is_counted_and_one_that_is_busy_asked_again(self):
        room, clients = await self.members()
        self.addCleanup(setattr, self.collector, "code", 200)
        self.collector.code = 400
        refused = self.total("refused")
        await self.traced(clients, room)
        await eventually(lambda: self.total("refused") == refused + 1, "it was refused")
        room, clients = await self.members()
        self.collector.code = 503
        sent = self.total("sent")
        await self.traced(clients, room)
        await eventually(lambda: self.collector.spans(room), "the collector was asked")
        self.assertEqual(self.total("sent"), sent)
        self.collector.code = 200
        await eventually(lambda: self.total("sent") == sent + 1, "it was asked again")
        for line in "otlp.trouble", "otlp.well":
            await eventually(lambda: self.cluster.router.find(line), line)


class Away(ClusterCase):
    """Nobody listens there."""

    router_options = ["--max-messages-per-second", "0",
                      "--otlp-endpoint", "http://127.0.0.1:1/traces"]

    async def test_nothing_waits_for_a_collector_that_is_away_and_what_is_too_much_is_dropped(self):
        room = self.new()
        client = await self.client()
        await client.ok("join", room=room)
        program = self.cluster.run("trace", "splitrailctl", "--router", self.cluster.admin, "trace",
                                   "room", room)
        self.addCleanup(program.kill)
        await eventually(lambda: program.find("watching"), "the trace has begun")

        async def dropped():
            for _ in range(60):
                await client.ok("room_message", room=room, payload=1)
            metrics = self.cluster.metrics()
            self.assertLessEqual(metrics["splitrail_router_otlp_queued"], 512)
            return metrics['splitrail_router_otlp_traces_total{result="dropped"}'] > 0

        for _ in range(200):
            if await dropped():
                break
        self.assertTrue(await dropped())
        self.assertGreater(self.cluster.metrics()["splitrail_router_otlp_failures_total"], 0)


class Nonsense(ClusterCase):
    """What talks at that port is no collector."""

    ANSWERS = (b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 999999,
               b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 9999, b"HTTP/1.1 700 What\r\nContent-Length: 0\r\n\r\n")

    @classmethod
    def setUpClass(cls):
        cls.socket = socket.create_server(("127.0.0.1", 0))
        cls.served = 0
        threading.Thread(target=cls.serve, daemon=True).start()
        cls.router_options = ["--otlp-endpoint",
                              "http://127.0.0.1:%d" % cls.socket.getsockname()[1]]
        super().setUpClass()
        cls.addClassCleanup(cls.socket.close)

    @classmethod
    def serve(cls):
        while True:
            try:
                peer, _ = cls.socket.accept()
                with peer:
                    peer.recv(65536)
                    answer = cls.ANSWERS[cls.served % len(cls.ANSWERS)]
                    cls.served += 1
                    peer.sendall(answer)
            except OSError:
                if cls.socket.fileno() < 0:
                    return

    async def test_what_talks_at_that_port_does_the_router_no_harm(self):
        room = self.new()
        client = await self.client()
        await client.ok("join", room=room)
        program = self.cluster.run("trace", "splitrailctl", "--router", self.cluster.admin, "trace",
                                   "room", room)
        self.addCleanup(program.kill)
        await eventually(lambda: program.find("watching"), "the trace has begun")
        for n in range(3):  # each next try comes twice as late
            await client.ok("room_message", room=room, payload=n)
            await eventually(lambda: self.served > n, "somebody was asked")
        await client.ok("room_message", room=room, payload="still there")
        self.assertGreater(self.cluster.metrics()["splitrail_router_otlp_failures_total"], 0)


class Refused(unittest.TestCase):
    def test_an_endpoint_that_is_none_is_refused_at_the_start(self):
        for url in ("collector:4318", "https://a:4318", "http://", "http://u:p@h/", "http://h/?a=b"):
            cluster = Cluster.__new__(Cluster)
            cluster.programs = []
            program = cluster.run("router", "splitrail-router", "--auth", "insecure", "--otlp-endpoint", url)
            program.may_die = True
            self.assertNotEqual(program.wait(), 0, url)
            self.assertTrue(program.find(re.escape("--otlp-endpoint is http://HOST:PORT")), url)


if __name__ == "__main__":
    unittest.main()
