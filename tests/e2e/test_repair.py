"""A router dies between the sockets of two edges: one has delivered what the other never got. In a
room of class memory nobody can send it again, but nobody is left in silence about it."""

import asyncio
import unittest

from clients import FreshClusterCase
from cluster import eventually

KILLS = 5


class Repair(FreshClusterCase):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        # Of the routers after the first. What is sent again after a death counts again for a rate.
        self.cluster.router_options += ["--rebuild-window", "2s", "--max-messages-per-second", "0"]

    async def flood(self, client, room, stop):
        while not stop.is_set():
            await client.send("room_message", room=room, payload=1)
            await asyncio.sleep(0.015)

    def heard_of(self, member, room, first_epoch):
        """Per life of the room the numbers heard or told lost; a life is to have no hole."""
        lives = {first_epoch: 0}
        epoch = first_epoch
        for message, _ in member.inbox:
            if message.get("roomId") != room:
                continue
            kind = message["type"]
            if kind == "epoch":
                epoch = message["epoch"]
                lives[epoch] = 0
            elif kind == "room_message":
                self.assertEqual(message["offset"], lives[epoch] + 1)
                lives[epoch] += 1
            elif kind == "gap" and message["to"] != 0:  # else of joins and leaves
                of = message.get("epoch", epoch)
                self.assertEqual(message["from"], lives[of] + 1)
                lives[of] = message["to"]
        return lives

    async def test_after_a_kill_every_member_has_heard_of_the_same_messages(self):
        room = self.new()
        members = [await self.client(edge=i % 2) for i in range(4)]
        joined = [await m.ok("join", room=room) for m in members]
        epoch = joined[0]["epoch"]
        publishers = [await self.client(edge=i % 2) for i in range(6)]
        for publisher in publishers:
            await publisher.ok("join", room=room)
        stop = asyncio.Event()
        floods = [asyncio.create_task(self.flood(p, room, stop)) for p in publishers]
        for kill in range(KILLS):
            await asyncio.sleep(0.4)
            self.cluster.router.kill()
            self.cluster.start_router()
            await self.cluster.ready()
            await eventually(lambda n=kill: all(len(m.heard("epoch")) > n for m in members),
                             "the new life")
        stop.set()
        await asyncio.gather(*floods)
        end = await publishers[0].ok("room_message", room=room, payload="end")
        for member in members:
            await eventually(
                lambda m=member: any(x["payload"] == "end" for x in m.heard("room_message")),
                "the last message")
        first = self.heard_of(members[0], room, epoch)
        self.assertEqual(len(first), KILLS + 1)
        for member in members:
            self.assertFalse(member.ended)
            self.assertEqual(self.heard_of(member, room, epoch), first)
        self.assertEqual(list(first.values())[-1], end["offset"])
        for edge in self.cluster.edges:
            metrics = edge.metrics()
            self.assertEqual(self.metric(metrics, "splitrail_edge_offset_holes_total"), 0)
            self.assertEqual(self.metric(metrics, "splitrail_edge_repair_bytes"), 0)

    @staticmethod
    def metric(metrics, name):
        return sum(value for key, value in metrics.items() if key.split("{")[0] == name)


if __name__ == "__main__":
    unittest.main()
