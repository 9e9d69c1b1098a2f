"""Who is online follows live connections, exactly."""

import asyncio
import time
import unittest

from clients import ClusterCase, FreshClusterCase
from cluster import bearable, eventually

BACK_S = 4
GRACE_S = 2.0
DEAD_S = 3.0  # --edge-dead, default


class Presence(ClusterCase):
    # Long enough to come back within it, on any machine.
    router_options = ("--presence-grace", "%ds" % BACK_S)

    async def connections(self, user):
        return (await asyncio.to_thread(self.cluster.presence, user))["connections"]

    async def test_three_devices_on_two_edges_are_one_user_who_leaves_once(self):
        room, name = self.new(), self.new("three")
        observer = await self.client(edge=1)
        await observer.ok("join", room=room)
        devices = [await self.client(name, edge=i % 2) for i in range(3)]
        for device in devices:
            await device.ok("join", room=room)
        user = devices[0].user
        joined = await observer.expect("user_joined", roomId=room)
        self.assertEqual(joined["userId"], user)
        state = await asyncio.to_thread(self.cluster.presence, user)
        self.assertTrue(state["online"])
        self.assertEqual(state["connections"], 3)

        for device in devices[:2]:
            await device.close()
        await eventually(lambda: self.cluster.presence(user)["connections"] == 1, "one left")
        self.assertEqual(await observer.settled("user_left"), [])
        self.assertEqual(await observer.settled("user_joined", userId=user), [])

        await devices[2].close()
        left = await observer.expect("user_left", roomId=room)
        self.assertEqual(left["userId"], user)
        await eventually(lambda: not self.cluster.presence(user)["online"], "offline")
        self.assertEqual(await observer.settled("user_left"), [])

    async def test_leaving_is_told_at_once_and_once(self):
        room, name = self.new(), self.new("two")
        observer = await self.client(edge=1)
        await observer.ok("join", room=room)
        one, two = await self.client(name, edge=0), await self.client(name, edge=1)
        await one.ok("join", room=room)
        await two.ok("join", room=room)
        await one.ok("leave", room=room)
        self.assertEqual(await observer.settled("user_left"), [])
        await two.ok("leave", room=room)
        left = await observer.expect("user_left", roomId=room)
        self.assertEqual((left["userId"], left["reason"]), (one.user, "leave"))
        self.assertEqual(await observer.settled("user_left"), [])

    async def test_a_user_who_vanishes_and_is_back_within_the_grace_never_left(self):
        room, name = self.new(), self.new("flaky")
        observer = await self.client(edge=1)
        await observer.ok("join", room=room)
        await observer.ok("watch", users=["user_" + name])
        first = await self.client(name, edge=0)
        await first.ok("join", room=room)
        await observer.expect("user_joined", userId=first.user)
        await observer.expect("presence", userId=first.user, online=True)
        first.abort()
        second = await self.client(name, edge=1)
        await second.ok("join", room=room)
        await eventually(lambda: self.cluster.presence(first.user)["connections"] == 1, "one again")
        # Past the grace: another user's leave that began later has ended by then.
        marker = await self.client(edge=0)
        await marker.ok("join", room=room)
        marker.abort()
        await observer.expect("user_left", userId=marker.user)
        for kind in ("user_left", "user_joined", "presence"):
            self.assertEqual(await observer.settled(kind, userId=first.user), [], kind)

    async def test_a_user_who_vanishes_is_gone_after_the_grace(self):
        room = self.new()
        observer = await self.client(edge=1)
        await observer.ok("join", room=room)
        other = await self.client(edge=0)
        await other.ok("join", room=room)
        await observer.expect("user_joined", userId=other.user)
        start = time.monotonic()
        other.abort()
        left = await observer.expect("user_left", userId=other.user)
        took = time.monotonic() - start
        self.assertEqual(left["reason"], "disconnect")
        self.assertGreater(took, BACK_S - 0.1)

    async def test_presence_and_watch_answer_the_same_to_clients(self):
        room, name = self.new(), self.new("watched")
        user = "user_" + name
        watcher = await self.client(edge=0)
        await watcher.ok("join", room=room)
        answer = await watcher.ok("watch", users=[user])
        self.assertFalse(answer["users"][user]["online"])
        watched = await self.client(name, edge=1)
        push = await watcher.expect("presence", userId=user)
        self.assertTrue(push["online"])
        await watched.ok("join", room=room)
        answer = await watcher.ok("presence", users=[user, "user_nobody"])
        self.assertTrue(answer["users"][user]["online"])
        self.assertEqual(answer["users"][user]["connections"], 1)
        self.assertFalse(answer["users"]["user_nobody"]["online"])
        answer = await watcher.ok("presence", room=room)
        self.assertEqual({m["userId"]: m["connections"] for m in answer["members"]},
                         {watcher.user: 1, user: 1})
        self.assertEqual(answer["total"], 2)
        await watched.close()
        self.assertFalse((await watcher.expect("presence", userId=user))["online"])
        await watcher.ok("unwatch", users=[user])
        await self.client(name, edge=1)
        self.assertEqual(await watcher.settled("presence"), [])

    async def test_join_with_members_lists_who_is_there(self):
        room = self.new()
        a, b = await self.client(edge=0), await self.client(edge=1)
        await a.ok("join", room=room)
        answer = await b.ok("join", room=room, members=True)
        self.assertEqual({m["userId"] for m in answer["members"]}, {a.user, b.user})


class KilledEdge(FreshClusterCase):
    router_options = ("--presence-grace", "%dms" % (GRACE_S * 1000))

    async def test_its_users_are_gone_after_grace_and_death_but_not_who_came_back(self):
        room = self.new()
        observer = await self.client(edge=1)
        await observer.ok("join", room=room)
        gone = [await self.client(edge=0) for _ in range(5)]
        back = await self.client("comes_back", edge=0)
        for client in [*gone, back]:
            await client.ok("join", room=room)
            await observer.expect("user_joined", userId=client.user)

        self.cluster.edges[0].program.kill()
        start = time.monotonic()
        await back.closed()
        again = await self.client("comes_back", edge=1)
        await again.ok("join", room=room)

        took = []
        for client in gone:
            left = await observer.expect("user_left", userId=client.user)
            took.append(time.monotonic() - start)
            self.assertEqual(left["reason"], "disconnect")
        # The silence is counted from the last beat, up to half a second before the kill.
        self.assertGreater(min(took), GRACE_S + DEAD_S - 0.7)
        self.assertLess(max(took), GRACE_S + DEAD_S + bearable(10))  # a mass loss would take a minute
        self.assertEqual(await observer.settled("user_left"), [])
        self.assertEqual(await observer.settled("user_joined"), [])
        state = await asyncio.to_thread(self.cluster.presence, again.user)
        self.assertEqual((state["online"], state["connections"]), (True, 1))
        answer = await observer.ok("presence", room=room)
        self.assertEqual({m["userId"] for m in answer["members"]}, {observer.user, again.user})


if __name__ == "__main__":
    unittest.main()
