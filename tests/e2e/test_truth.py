"""Health tells the truth: canaries behind /ready, digests of edges against the registry."""

import asyncio
import json
import signal
import unittest

from clients import FreshClusterCase
from cluster import Edge, eventually, free_port, http_get

QUICK = ("--canary-interval", "200ms", "--canary-timeout", "1s")


def reasons(port):
    """(status, reasons) of /ready."""
    status, _, body = http_get(port, "/ready")
    answer = json.loads(body)
    assert answer["ready"] == (status == 200) == (not answer["reasons"]), body
    return status, answer["reasons"]


class Relay:
    """TCP to the router, alive also while nothing is delivered."""

    def __init__(self, port):
        self.target = port
        self.port = free_port()
        self.open = asyncio.Event()
        self.open.set()
        self.tasks = []

    async def start(self):
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", self.port)

    async def accept(self, reader, writer):
        from_router, to_router = await asyncio.open_connection("127.0.0.1", self.target)
        self.tasks.append(asyncio.ensure_future(self.pump(reader, to_router)))
        self.tasks.append(asyncio.ensure_future(self.pump(from_router, writer)))

    async def pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                await self.open.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def stop(self):
        self.server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


class Canary(FreshClusterCase):
    edge_options = QUICK
    router_options = ("--canary-timeout", "1s")

    async def well(self, port):
        """A canary of a second is soon late where much else is to be done: it is well when it says so."""
        await eventually(lambda: reasons(port) == (200, []), "nothing is wrong")

    async def test_a_router_that_stands_still_makes_every_edge_say_so_and_its_return_too(self):
        client = await self.client()
        self.cluster.router.send_signal(signal.SIGSTOP)
        try:
            for edge in self.cluster.edges:
                await eventually(lambda: "canary" in reasons(edge.http_port)[1], "canary missed")
                self.assertEqual(reasons(edge.http_port)[0], 503)
                self.assertEqual(edge.metrics()["splitrail_edge_canary_overdue"], 1)
        finally:
            self.cluster.router.send_signal(signal.SIGCONT)
        for edge in self.cluster.edges:
            await self.well(edge.http_port)
        await client.ok("ping")

    async def test_canaries_are_measured_at_both_ends_without_any_client(self):
        edge = self.cluster.edges[0]
        await eventually(lambda: edge.metrics()["splitrail_edge_canary_rtt_seconds_count"] >= 3, "edge")
        name = "splitrail_router_plane_canary_rtt_seconds_count"
        await eventually(lambda: self.cluster.metrics()[name] >= 3, "router")
        await self.well(self.cluster.http_port)
        for shown in ("rooms", "users", "conns"):
            self.assertNotIn("canary", self.cluster.ctl_raw("--json", shown)[1])

    async def test_a_network_that_delivers_nothing_is_noticed_by_the_edge_behind_it_only(self):
        relay = Relay(self.cluster.router_port)
        await relay.start()
        plane = self.cluster.plane
        self.cluster.plane = "tcp://127.0.0.1:%d" % relay.port
        edge = Edge(self.cluster, 3, ["--drain-timeout", "2s", "--reconnect-delay", "200ms", *QUICK])
        self.cluster.plane = plane
        self.cluster.edges.append(edge)
        try:
            await self.cluster.ready()
            relay.open.clear()
            await eventually(lambda: "canary" in reasons(edge.http_port)[1], "canary missed")
            await self.well(self.cluster.edges[0].http_port)
            await self.well(self.cluster.http_port)
            self.assertEqual(reasons(edge.http_port)[0], 503)
            relay.open.set()
            await self.well(edge.http_port)
            edge.program.send_signal(signal.SIGTERM)
            self.assertEqual(await asyncio.to_thread(edge.program.wait), 0)
            edge.program.may_die = True
        finally:
            await relay.stop()


class Digest(FreshClusterCase):
    router_options = ("--digest-interval", "50ms")

    async def test_what_edges_hold_is_compared_all_the_time_and_never_differs(self):
        compared = "splitrail_router_registry_compared_total"
        clients = [await self.client(edge=i % 2) for i in range(20)]
        for i, client in enumerate(clients):
            for room in range(5):
                await client.ok("join", room="r%d" % ((i + room) % 7))
            await client.ok("watch", users=[clients[0].user])
        for i in range(10):
            await clients[10 + i].ok("leave", room="r%d" % ((10 + i) % 7))
        before = self.cluster.metrics()[compared]
        for client in clients[:10]:
            await client.close()
        await eventually(lambda: self.cluster.metrics()[compared] > before + 64 * 2 * 10, "compared")
        self.cluster.router.kill()
        self.cluster.start_router()
        await self.cluster.ready()
        await eventually(lambda: self.cluster.metrics()[compared] > 64 * 2 * 10, "compared again")
        self.assertEqual(self.cluster.metrics()["splitrail_router_registry_divergence_total"], 0)


if __name__ == "__main__":
    unittest.main()
