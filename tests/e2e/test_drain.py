"""An edge is asked to stop: its clients move in their own time."""

import asyncio
import signal
import unittest

from clients import FreshClusterCase, Raw, handshake
from cluster import eventually, http_get


class Drain(FreshClusterCase):
    # Nobody waits for the deadline here: all would be over long before.
    edge_options = ("--drain-timeout", "10m", "--reconnect-delay", "3s")

    async def test_clients_hear_spread_delays_and_1012_and_nobody_is_reported_away(self):
        edge = self.cluster.edges[0]
        room = self.new()
        observer = await self.client(edge=1)
        await observer.ok("join", room=room)
        clients = [await self.client(edge=0) for _ in range(12)]
        for client in clients:
            await client.ok("join", room=room)
        edge.program.may_die = True
        edge.program.send_signal(signal.SIGTERM)
        shutdowns = [await client.expect("server_shutdown") for client in clients]
        delays = {s["reconnectDelay"] for s in shutdowns}
        self.assertGreater(len(delays), 6)
        self.assertLessEqual(max(delays), 3000)
        self.assertTrue(all(isinstance(s["reason"], str) for s in shutdowns))

        async def move(client):
            code, _ = await client.closed()
            self.assertEqual(code, 1012)
            again = await self.client(client.user[len("user_"):], edge=1)
            await again.ok("join", room=room)
        await asyncio.gather(*(move(client) for client in clients))
        self.assertEqual(await asyncio.to_thread(edge.program.wait), 0)
        self.assertEqual(await observer.settled("user_left"), [])
        self.assertEqual(len((await observer.ok("presence", room=room))["members"]), 13)

    async def test_a_draining_edge_takes_nobody_new_and_says_so(self):
        edge = self.cluster.edges[0]
        client = await self.client(edge=0)
        edge.program.may_die = True
        edge.program.send_signal(signal.SIGTERM)
        await client.expect("server_shutdown")
        self.assertEqual(http_get(edge.http_port, "/ready")[0], 503)
        self.assertEqual(http_get(edge.http_port, "/health")[0], 200)
        try:
            raw = await Raw.open(edge.port)
            await raw.send(handshake())
            answer = await raw.rest()
            self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 503 "), answer)
        except ConnectionError:
            pass
        await client.close()
        # Empty now: it need not wait for its deadline.
        self.assertEqual(await asyncio.to_thread(edge.program.wait), 0)

    async def test_an_edge_that_starts_again_under_its_name_is_welcome(self):
        edge = self.cluster.edges[0]
        edge.program.kill()
        edge.start()
        await self.cluster.ready()
        client, other = await self.client(edge=0), await self.client(edge=1)
        room = self.new()
        await client.ok("join", room=room)
        await other.ok("join", room=room)
        await client.ok("room_message", room=room, payload=1)
        await other.expect("room_message", roomId=room)


class DrainDeadline(FreshClusterCase):
    edge_options = ("--drain-timeout", "500ms", "--reconnect-delay", "60s")

    async def test_whoever_stays_is_closed_with_1012_at_the_deadline(self):
        edge = self.cluster.edges[0]
        clients = [await self.client(edge=0) for _ in range(5)]
        edge.program.may_die = True
        edge.program.send_signal(signal.SIGTERM)
        for client in clients:
            self.assertEqual((await client.closed())[0], 1012)
        self.assertEqual(await asyncio.to_thread(edge.program.wait), 0)


class PausedEdge(FreshClusterCase):
    router_options = ("--presence-grace", "300ms")  # and the usual --edge-dead, so that the other edge lives

    async def test_an_edge_that_was_paused_past_its_death_comes_back_as_a_new_one(self):
        edge = self.cluster.edges[0]
        room = self.new()
        observer = await self.client(edge=1)
        await observer.ok("join", room=room)
        client = await self.client("paused", edge=0)
        await client.ok("join", room=room)
        await observer.expect("user_joined", userId=client.user)
        edge.program.send_signal(signal.SIGSTOP)
        try:
            await observer.expect("user_left", userId=client.user)
        finally:
            edge.program.send_signal(signal.SIGCONT)
        self.assertEqual((await client.closed())[0], 1012)
        await eventually(edge.ready, "ready again")
        again = await self.client("paused", edge=0)
        await again.ok("join", room=room)
        await observer.expect("user_joined", userId=client.user)
        self.assertEqual(await observer.settled("user_left"), [])
        state = await asyncio.to_thread(self.cluster.presence, client.user)
        self.assertEqual(state["connections"], 1)


if __name__ == "__main__":
    unittest.main()
