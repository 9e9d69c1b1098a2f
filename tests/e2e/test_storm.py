"""Many at once: an edge dies with its clients, a crowd comes, a router dies while users are in grace."""

import asyncio
import random
import time
import unittest

import websockets

from clients import FreshClusterCase
from cluster import bearable, eventually

CROWD = 200


class EdgeDeath(FreshClusterCase):
    edges = 3
    router_options = ("--presence-grace", "500ms", "--edge-suspect", "300ms", "--edge-dead", "600ms",
                      "--mass-grace", "20s", "--mass-spread", "3s")

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
        start = time.monotonic()
        self.cluster.edges[0].program.kill()

        async def back(client):
            await asyncio.sleep(random.uniform(0, 6))
            again = await self.client(client.user[len("user_"):], edge=random.choice((1, 2)))
            await again.ok("join", room=room)
            return again
        returned = await asyncio.gather(*(back(c) for c in clients if c not in gone))
        self.assertEqual(await observer.settled("user_left"), [])
        self.assertEqual(len(await observer.settled("user_joined")), joined)
        metrics = await asyncio.to_thread(self.cluster.metrics)
        self.assertEqual(metrics['splitrail_router_mass_losses_total{kind="edge"}'], 1)
        # Who came back is not held by what was lost: a goodbye is told at once.
        await returned[0].close()
        await observer.expect("user_left", timeout=bearable(3), userId=returned[0].user)
        # Who did not come back leaves after the long grace.
        for client in gone:
            await observer.expect("user_left", timeout=bearable(40), userId=client.user)
        self.assertGreater(time.monotonic() - start, 20)
        self.assertEqual((await observer.ok("presence", room=room))["total"], CROWD - 5)

    async def test_a_few_on_a_dead_edge_have_the_ordinary_grace(self):
        room = self.new()
        observer = await self.client(edge=1)
        await observer.ok("join", room=room)
        client = await self.client(edge=0)
        await client.ok("join", room=room)
        self.cluster.edges[0].program.kill()
        await observer.expect("user_left", timeout=bearable(5), userId=client.user)


class Crowd(FreshClusterCase):
    router_options = ("--connect-rate", "40")

    async def test_a_crowd_is_told_when_to_come_and_gets_in_then(self):
        edge = self.cluster.edges[0]
        await eventually(lambda: edge.metrics()["splitrail_edge_connect_rate"] == 20, "a share")
        waits = []
        refused_again = 0
        start = time.monotonic()

        async def come(number):
            nonlocal refused_again
            for attempt in range(10):
                try:
                    await self.client("crowd-%d" % number)
                    return time.monotonic() - start
                except websockets.InvalidStatusCode as refusal:
                    self.assertEqual(refusal.status_code, 503)
                    wait = int(refusal.headers["Retry-After"])
                refused_again += attempt != 0
                if attempt == 0:
                    waits.append(wait)
                await asyncio.sleep(wait)
            self.fail("never let in")
        times = await asyncio.gather(*(come(i) for i in range(100)))
        self.assertGreaterEqual(len(waits), 60)
        self.assertGreaterEqual(len(set(waits)), 4, waits)
        self.assertEqual(waits[0], min(waits[0], 2))
        third = len(waits) // 3
        self.assertGreater(sum(waits[-third:]), sum(waits[:third]) + third)
        self.assertLessEqual(max(times), max(waits) + bearable(4), (waits, refused_again))
        refused = await asyncio.to_thread(edge.metrics)
        self.assertEqual(refused['splitrail_edge_refused_total{reason="storm"}'],
                         len(waits) + refused_again)

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
        edge.program.send_signal(15)
        delays = [(await c.expect("server_shutdown"))["reconnectDelay"] for c in clients]
        # 60 clients at four fifths of 40 a second need 1.9 s; --reconnect-delay is 0.2 s.
        self.assertGreater(max(delays), 1000)
        self.assertLessEqual(max(delays), 1875)
        self.assertEqual(await asyncio.to_thread(edge.program.wait), 0)


class RouterDeath(FreshClusterCase):
    router_options = ("--presence-grace", "30s")

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
        await asyncio.sleep(1.5)  # every edge knows which edges there are
        ghost.socket.transport.abort()
        await eventually(
            lambda: self.cluster.metrics()["splitrail_router_detached_connections"] == 1, "grace")
        await observer.settled()
        self.cluster.router.kill()
        await asyncio.to_thread(self.cluster.start_router)
        await observer.expect("gap", roomId=room, **{"from": 0, "to": 0})
        await observer.expect("presence", userId=ghost.user, online=False)
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
        await asyncio.sleep(1.5)
        for client in clients:
            await client.settled()
            client.inbox.clear()
        self.cluster.router.kill()
        await asyncio.to_thread(self.cluster.start_router)
        await eventually(self.cluster.router_ready, "ready")
        await asyncio.sleep(1)
        for client in clients:  # a room in memory has a new epoch, and that is all
            await client.settled()
            self.assertEqual([m["type"] for m in client.heard()], ["epoch"])


if __name__ == "__main__":
    unittest.main()
