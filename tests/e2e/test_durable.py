"""Rooms and inboxes on disk: the router is killed in a loop while publishers number their messages."""

import asyncio
import shutil
import tempfile
import unittest

from clients import FreshClusterCase
from cluster import PATIENCE_S, eventually


class Durable(FreshClusterCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="splitrail-data-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    async def asyncSetUp(self):
        self.router_options = ["--data-dir", self.dir, "--rebuild-window", "500ms",
                               "--max-messages-per-second", "0"]
        await super().asyncSetUp()

    async def restart(self):
        self.cluster.router.kill()
        await asyncio.to_thread(self.cluster.start_router)

    async def publish(self, room, client, count, accepted):
        for number in range(1, count + 1):
            await client.ok("room_message", room=room, payload=[client.user, number])
            accepted.append([client.user, number])

    async def test_killed_routers_lose_nothing_and_repeat_nothing(self):
        room = self.new()
        members = [await self.client(edge=i % 2) for i in range(6)]
        joined = [await m.ok("join", room=room) for m in members]
        accepted = []
        work = [asyncio.create_task(self.publish(room, m, 300, accepted)) for m in members[:4]]
        for deaths in range(4):  # in the middle of what is being said
            await eventually(lambda: len(accepted) >= 200 * (deaths + 1), "publishers go on", 4 * PATIENCE_S)  # each waits for a disk
            await self.restart()
        await asyncio.gather(*work)
        await self.cluster.ready()

        def all_there():
            return all(len(m.heard("room_message")) >= 1200 for m in members)

        await eventually(all_there, "every member has every message", 2 * PATIENCE_S)
        first = [m["payload"] for m in members[0].heard("room_message")]
        for member in members:
            heard = member.heard("room_message")
            self.assertEqual([m["payload"] for m in heard], first)
            self.assertEqual([m["offset"] for m in heard], list(range(1, 1201)))
            self.assertEqual(member.heard("epoch"), [])
        for member in members[:4]:
            mine = [p[1] for p in first if p[0] == member.user]
            self.assertEqual(mine, list(range(1, 301)))
        for answer in joined:
            self.assertEqual(answer["epoch"], joined[0]["epoch"])

    async def test_a_room_and_an_inbox_survive_a_cold_start(self):
        room = self.new()
        alice, bob = await self.client(), await self.client(edge=1)
        answer = await alice.ok("join", room=room)
        for i in range(3):
            await alice.ok("room_message", room=room, payload=i)
        await alice.ok("direct_message", targetUserId=bob.user, payload="kept")
        await self.restart()
        await self.cluster.ready()
        carol = await self.client()
        joined = await carol.ok("join", room=room, since={"epoch": answer["epoch"], "offset": 1})
        self.assertTrue(joined["recovered"])
        self.assertEqual(joined["offset"], 3)
        history = await bob.ok("history", inbox=True)
        self.assertEqual([m["payload"] for m in history["messages"]], ["kept"])


if __name__ == "__main__":
    unittest.main()
