"""Many at once: an edge dies with its clients, a crowd comes, a router dies while users are in grace."""

import asyncio
import random
import re
import signal
import time
import unittest

import websockets

from clients import FreshClusterCase, Raw, handshake
from cluster import PATIENCE_S, eventually

CROWD = 120  # more than --mass-loss
MASS_GRACE_S = 30  # within which they are all back, on any machine


class EdgeDeath(FreshClusterCase):
    edges = 3
    # The usual times of death, so that the edges that stay are not taken for dead on a busy machine.
    router_options = ("--presence-grace", "500ms", "--mass-grace", "%ds" % MASS_GRACE_S, "--mass-spread", "3s")

    async def test_who_is_back_after_an_edge_died_neither_left_nor_joined(self):
        room = self.new()
        observer = await self.client(edge=1)
        await observer.ok("join", room=room)
        clients = [await self.client(edge=0) for _ in range(CROWD)]
        for client in clients:
            await client.ok("join", room=room)
        joined = len(await observer.settled("user_joined"))
        self.assertEqual(joined, CROWD)
        gone = random.Random(4).sample(clients, 5)
        self.cluster.edges[0].program.kill()
        await eventually(lambda: self.cluster.metrics()[
            'splitrail_router_mass_losses_total{kind="edge"}'] == 1, "the edge's death")
        start = time.monotonic()

        async def back(client):
            await asyncio.sleep(random.uniform(0, 4))
            again = await self.client(client.user[len("user_"):], edge=random.choice((1, 2)))
            await again.ok("join", room=room)
            return again
        returned = await asyncio.gather(*(back(c) for c in clients if c not in gone))
        self.assertEqual(await observer.settled("user_left"), [])
        self.assertEqual(len(await observer.settled("user_joined")), joined)
        self.assertEqual((await asyncio.to_thread(self.cluster.metrics))[
            'splitrail_router_mass_losses_total{kind="edge"}'], 1)
        # Who came back is not held by what was lost: a goodbye is told at once.
        await returned[0].close()
        await observer.expect("user_left", userId=returned[0].user)
        if time.monotonic() - start < MASS_GRACE_S:
            self.assertEqual(observer.heard("user_left"), [])
        # Who did not come back leaves after the long grace.
        for client in gone:
            await observer.expect("user_left", timeout=MASS_GRACE_S + PATIENCE_S, userId=client.user)
        self.assertGreater(time.monotonic() - start, MASS_GRACE_S - 1)
        self.assertEqual((await observer.ok("presence", room=room))["total"], CROWD - 5)

    async def test_a_few_on_a_dead_edge_have_the_ordinary_grace(self):
        room = self.new()
        observer = await self.client(edge=1)
        await observer.ok("join", room=room)
        client = await self.client(edge=0)
        await client.ok("join", room=room)
        self.cluster.edges[0].program.kill()
        await observer.expect("user_left", timeout=MASS_GRACE_S - 5, userId=client.user)  # before a long one ends


class Crowd(FreshClusterCase):
    router_options = ("--connect-rate", "40")

    async def test_a_crowd_is_told_when_to_come_and_gets_in_then(self):
        edge = self.cluster.edges[0]
        await eventually(lambda: edge.metrics()["splitrail_edge_connect_rate"] == 20, "a share")
        waits = [wait for wait in await self.all_at_once(edge, 100) if wait is not None]
        self.assertGreaterEqual(len(waits), 60)
        self.assertGreaterEqual(len(set(waits)), 4, waits)
        self.assertLessEqual(waits[0], 2)
        third = len(waits) // 3
        self.assertGreater(sum(waits[-third:]), sum(waits[:third]) + third)
        refused_again = 0

        async def come_again(number, wait):
            nonlocal refused_again
            for _ in range(10):
                await asyncio.sleep(wait)
                try:
                    return await self.client("crowd-%d" % number)
                except websockets.InvalidStatusCode as refusal:
                    self.assertEqual(refusal.status_code, 503)
                    wait = int(refusal.headers["Retry-After"])
                    refused_again += 1
            self.fail("never let in")
        await asyncio.gather(*(come_again(n, wait) for n, wait in enumerate(waits)))
        refused = await asyncio.to_thread(edge.metrics)
        self.assertEqual(refused['splitrail_edge_refused_total{reason="storm"}'],
                         len(waits) + refused_again)

    async def all_at_once(self, edge, count):
        """When each was told to come again, in the order in which they came; None: it got in. The edge
        finds them all in one turn, so that it does not matter how slow we are."""
        edge.program.send_signal(signal.SIGSTOP)
        try:
            raws = [await Raw.open(edge.port) for _ in range(count)]
            for n, raw in enumerate(raws):
                await raw.send(handshake("/ws?token=first-%d" % n))
        finally:
            edge.program.send_signal(signal.SIGCONT)
        waits = []
        for raw in raws:
            head = await raw.head()
            told = re.search(rb"(?i)\r\nretry-after: (\d+)\r\n", head)
            self.assertRegex(head, rb"^HTTP/1.1 503 " if told else rb"^HTTP/1.1 101 ")
            waits.append(int(told.group(1)) if told else None)
            raw.end()
        return waits

    async def test_a_drain_spreads_by_what_the_others_may_take(self):
        edge = self.cluster.edges[0]
        await eventually(lambda: edge.metrics()["splitrail_edge_connect_rate"] == 20, "a share")
        clients = []
        while len(clients) < 60:
            try:
                clients.append(await self.client())
            except websockets.InvalidStatusCode:
                await asyncio.sleep(0.3)
        edge.program.may_die = True
        edge.program.send_signal(signal.SIGTERM)
        delays = [(await c.expect("server_shutdown"))["reconnectDelay"] for c in clients]
        # 60 clients at four fifths of 40 a second need 1.9 s; --reconnect-delay is 0.2 s.
        self.assertGreater(max(delays), 1000)
        self.assertLessEqual(max(delays), 1875)
        self.assertEqual(await asyncio.to_thread(edge.program.wait), 0)


class RouterDeath(FreshClusterCase):
    router_options = ("--presence-grace", "15s", "--connect-rate", "1000")

    async def edges_know_each_other(self):
        """Each has half of the rate for new clients. What tells it that says also which edges there are."""
        await eventually(lambda: all(450 < edge.metrics()["splitrail_edge_connect_rate"] < 550
                                     for edge in self.cluster.edges), "halves")

    async def test_nobody_keeps_a_ghost_whom_only_the_dead_router_knew(self):
        self.cluster.router_options += ["--rebuild-window", "3s"]
        room, other, watched = self.new(), self.new(), self.new("ghost")
        observer = await self.client(edge=1)
        ghost = await self.client(watched, edge=0)
        for client in observer, ghost:
            await client.ok("join", room=room)
            await client.ok("room_message", room=room, payload=1)
        await observer.ok("join", room=other)
        await observer.ok("watch", users=[ghost.user])
        await self.edges_know_each_other()
        ghost.socket.transport.abort()
        await eventually(
            lambda: self.cluster.metrics()["splitrail_router_detached_connections"] == 1, "grace")
        await observer.settled()
        self.cluster.router.kill()
        await asyncio.to_thread(self.cluster.start_router)
        await observer.expect("gap", roomId=room, **{"from": 0, "to": 0})
        # A little later, or when such a grace as the dead router gave is over.
        await observer.expect("presence", timeout=15 + PATIENCE_S, userId=ghost.user, online=False)
        answer = await observer.ok("presence", room=room)
        self.assertEqual([m["userId"] for m in answer["members"]], [observer.user])
        self.assertEqual(await observer.settled("gap"), [], "the other room has nothing to tell")

    async def test_a_restart_without_anybody_in_grace_is_silent(self):
        self.cluster.router_options += ["--rebuild-window", "2s"]
        room = self.new()
        clients = [await self.client(edge=i) for i in range(2)]
        for client in clients:
            await client.ok("join", room=room)
        await clients[0].ok("watch", users=["user_nobody"])
        await self.edges_know_each_other()
        for client in clients:
            await client.settled()
            client.inbox.clear()
        self.cluster.router.kill()
        await asyncio.to_thread(self.cluster.start_router)
        await self.cluster.ready()
        await asyncio.sleep(1)
        for client in clients:  # a room in memory has a new epoch, and that is all
            await client.settled()
            self.assertEqual([m["type"] for m in client.heard()], ["epoch"])


if __name__ == "__main__":
    unittest.main()
