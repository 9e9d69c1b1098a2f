"""A router is killed or stopped under load and no client notices."""

import asyncio
import os
import signal
import unittest

from clients import FreshClusterCase
from cluster import eventually

CLIENTS = int(os.environ.get("SPLITRAIL_E2E_CLIENTS", "1000"))


class RouterRestart(FreshClusterCase):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        # Of the next router. What edges held for it comes all at once, which may be more than a rate allows.
        self.cluster.router_options += ["--rebuild-window", "4s", "--max-messages-per-second", "0"]

    async def fill(self, clients, per_room):
        """Rooms of `per_room` clients, spread over the edges."""
        rooms = []
        for at in range(0, clients, per_room):
            members = await asyncio.gather(*(self.client(edge=i % 2) for i in range(per_room)))
            name = self.new()
            await asyncio.gather(*(m.ok("join", room=name) for m in members))
            rooms.append((name, members))
        return rooms

    async def sender(self, name, client, sent, stop, pace):
        while not stop.is_set():
            sent[name] += 1
            await client.send("room_message", room=name, payload=sent[name])
            try:
                await asyncio.wait_for(stop.wait(), pace)
            except asyncio.TimeoutError:
                pass

    def received(self, name, member):
        return [m["payload"] for m in member.heard("room_message") if m["roomId"] == name]

    async def all_sent(self, sent, since, count):
        await eventually(lambda: all(sent[n] >= since[n] + count for n in sent),
                         "everybody has sent")

    async def restart_under_load(self, clients, per_room, pace, stop_router):
        """Returns rooms, what was sent in all and at the moment of the end."""
        rooms = await self.fill(clients, per_room)
        sent = {name: 0 for name, _ in rooms}
        stop = asyncio.Event()
        tasks = [asyncio.create_task(self.sender(name, members[0], sent, stop, pace))
                 for name, members in rooms]
        await self.all_sent(sent, dict(sent), 2)
        before = dict(sent)
        await asyncio.to_thread(stop_router)
        at_end = dict(sent)
        await self.all_sent(sent, at_end, 2)
        self.cluster.start_router()
        await self.cluster.ready()
        await self.all_sent(sent, dict(sent), 2)
        stop.set()
        await asyncio.gather(*tasks)
        for name, members in rooms:
            for member in members:
                await eventually(lambda n=name, m=member: m.ended or
                                 sent[n] in self.received(n, m), "the last message of " + name)
        return rooms, sent, before, at_end

    def assert_nobody_noticed(self, rooms):
        for _, members in rooms:
            for member in members:
                self.assertFalse(member.ended, "a socket closed")
                self.assertEqual(member.heard("user_left"), [])
                self.assertEqual(member.heard("error"), [])

    async def assert_presence_equals_connections(self, rooms):
        total = sum(len(members) for _, members in rooms)
        await eventually(lambda: self.cluster.ctl("users", "--limit", "1")["total"] == total,
                         "%d users" % total)
        for name, members in rooms[:3]:
            answer = await members[0].ok("presence", room=name)
            self.assertEqual({m["userId"]: m["connections"] for m in answer["members"]},
                             {m.user: 1 for m in members})
            self.assertTrue(all([(await asyncio.to_thread(self.cluster.presence, m.user))["online"]
                                 for m in members[:2]]))
        live = sum(edge.metrics()['ws_active_connections{server_id="%s"}' % edge.id]
                   for edge in self.cluster.edges)
        self.assertEqual(live, total)

    async def test_kill_9_under_load_closes_no_socket_and_everybody_hears_again(self):
        rooms, sent, _, at_kill = await self.restart_under_load(
            CLIENTS, 20, 0.5, self.cluster.router.kill)
        self.assert_nobody_noticed(rooms)
        for name, members in rooms:
            for member in members:
                got = self.received(name, member)
                # What was on its way at the moment of the kill died with the memory engine's
                # router at most; nothing comes twice, nothing overtakes, nothing sent later is lost.
                self.assertEqual(got, sorted(set(got)))
                self.assertEqual([n for n in got if n > at_kill[name]],
                                 list(range(at_kill[name] + 1, sent[name] + 1)))
        await self.assert_presence_equals_connections(rooms)
        epoch = rooms[0][1][0].heard("epoch")
        self.assertEqual(len([e for e in epoch if e["roomId"] == rooms[0][0]]), 1,
                         "the history is gone and the client is told once")

    async def test_a_stopped_router_loses_and_repeats_nothing(self):
        def stop():
            self.cluster.router.may_die = True
            self.cluster.router.send_signal(signal.SIGTERM)
            self.assertEqual(self.cluster.router.wait(), 0)
        rooms, sent, _, _ = await self.restart_under_load(20, 5, 0.05, stop)
        self.assert_nobody_noticed(rooms)
        for name, members in rooms:
            for member in members:
                self.assertEqual(self.received(name, member), list(range(1, sent[name] + 1)))
        await self.assert_presence_equals_connections(rooms)

    async def test_what_a_killed_router_had_received_but_not_finished_is_sent_again(self):
        (room, members), = await self.fill(4, 4)
        edge = self.cluster.edges[0]
        received = 'ws_messages_received_total{server_id="%s",type="text"}' % edge.id
        before = edge.metrics()[received]
        # A stopped process still takes bytes from the network, and reads none of them.
        self.cluster.router.send_signal(signal.SIGSTOP)
        for n in range(1, 31):
            await members[0].send("room_message", room=room, payload=n)
        await eventually(lambda: edge.metrics()[received] == before + 30, "the edge has them all")
        self.cluster.router.kill()
        self.cluster.start_router()
        await self.cluster.ready()
        await members[0].ok("room_message", room=room, payload=31)
        for member in members:
            await eventually(lambda m=member: 31 in self.received(room, m), "the last one")
            self.assertEqual(self.received(room, member), list(range(1, 32)))

    async def test_who_leaves_while_the_router_is_away_is_gone_afterwards(self):
        room = self.new()
        stays, leaves = await self.client(edge=0), await self.client(edge=1)
        await stays.ok("join", room=room)
        await leaves.ok("join", room=room)
        self.cluster.router.kill()
        await leaves.close()
        self.cluster.start_router()
        await self.cluster.ready()
        await eventually(lambda: not self.cluster.presence(leaves.user)["online"], "offline")
        answer = await stays.ok("presence", room=room)
        self.assertEqual([m["userId"] for m in answer["members"]], [stays.user])

    async def test_edges_say_that_they_are_not_ready_while_no_router_is_there(self):
        edge = self.cluster.edges[0]
        self.cluster.router.kill()
        await eventually(lambda: not edge.ready(), "not ready without a router")
        self.cluster.start_router()
        await self.cluster.ready()


class RouterStaysAway(FreshClusterCase):
    edge_options = ("--router-grace", "500ms")

    async def test_clients_are_let_go_with_1013_after_the_router_grace(self):
        clients = [await self.client(edge=i % 2) for i in range(6)]
        self.cluster.router.kill()
        for client in clients:
            self.assertEqual((await client.closed())[0], 1013)


if __name__ == "__main__":
    unittest.main()
