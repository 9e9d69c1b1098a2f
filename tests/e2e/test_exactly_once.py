"""Exactly once by real programs: the router is killed at random moments while publishers number what
they say, with keys and without, while members stay, and others come back elsewhere with `since`."""

import asyncio
import random
import shutil
import tempfile
import unittest

import websockets

from clients import Client, FreshClusterCase

ROOM = "exact"


async def come_in(edge, name):
    """A new client. While the router is away for more than a moment an edge takes none."""
    while True:
        try:
            return await Client.connect(edge, name)
        except websockets.InvalidStatusCode as refusal:
            if refusal.status_code != 503:
                raise
            await asyncio.sleep(0.1)


class Publisher:
    """Says numbers to the room and to one user until it is told to stop. With keys it also breaks its
    connection in the middle of what it says, and says it again at another edge."""

    def __init__(self, case, name, target, keyed, pad):
        self.case = case
        self.name = name
        self.target = target
        self.keyed = keyed
        self.pad = pad
        self.edge = 0
        self.stop = False
        self.answers = {}  # (type, number): offset
        self.refused = []

    async def connect(self):
        self.client = await come_in(self.case.cluster.edges[self.edge], self.name)
        while (await self.client.reply("join", room=ROOM))["type"] != "ok":
            await asyncio.sleep(0.05)

    async def say(self, type_, number):
        fields = {"payload": [self.name, number, self.pad]}
        fields.update({"room": ROOM} if type_ == "room_message" else {"targetUserId": self.target})
        if self.keyed:
            fields["key"] = "k%d" % number
        answer = await self.client.reply(type_, **fields)
        if answer["type"] == "ok":
            self.answers[type_, number] = answer.get("offset")
        else:
            self.refused.append(answer)

    async def say_all(self, what):
        """What is not answered with ok is said again if that is safe."""
        while what:
            said = [asyncio.create_task(self.say(*one)) for one in what]
            if self.keyed and self.case.random.random() < 0.3:
                await asyncio.sleep(self.case.random.random() * 0.05)
                self.client.abort()
            await asyncio.gather(*said, return_exceptions=self.keyed)
            what = [one for one in what if one not in self.answers] if self.keyed else []
            if self.client.ended:
                self.edge = (self.edge + 1) % len(self.case.cluster.edges)
                await self.connect()

    async def run(self):
        await self.connect()
        number = 0
        while not self.stop:
            numbers = range(number + 1, number + 11)
            number += 10
            await self.say_all([("room_message", n) for n in numbers] +
                               [("direct_message", n) for n in list(numbers)[:3]])
            await asyncio.sleep(self.case.random.random() * 0.02)
        await self.client.close()


class Wanderer:
    """Comes and goes from edge to edge, and asks each time for what it missed, in the room with `since`
    and in its inbox with `history`."""

    def __init__(self, case, name):
        self.case = case
        self.name = name
        self.stop = False
        self.edge = 0
        self.seen = {"room_message": [], "direct_message": []}
        self.last = {}  # type: (epoch, offset)

    def hear(self, client):
        for message in client.heard():
            type_ = message["type"]
            if type_ in self.seen:
                self.take(type_, message)
        client.inbox.clear()

    def take(self, type_, message):
        epoch, last = self.last[type_]
        if message["offset"] > last:
            self.seen[type_].append((message["offset"], message["payload"][:2]))
            self.last[type_] = (epoch, message["offset"])

    def since(self, type_):
        return dict(zip(("epoch", "offset"), self.last[type_]))

    async def recover_inbox(self, client):
        inbox = client.welcome["inbox"]
        self.last.setdefault("direct_message", (inbox["epoch"], 0))
        while self.last["direct_message"][1] < inbox["offset"]:
            history = await client.reply("history", inbox=True, limit=1000,
                                         since=self.since("direct_message"))
            for message in history.get("messages", []):
                self.take("direct_message", message)

    async def recover_room(self, client):
        fields = {"since": self.since("room_message")} if "room_message" in self.last else {}
        answer = await client.reply("join", room=ROOM, **fields)
        while answer["type"] != "ok":
            answer = await client.reply("join", room=ROOM, **fields)
        if fields:
            self.case.assertTrue(answer["recovered"], answer)
        self.last.setdefault("room_message", (answer["epoch"], answer["offset"]))

    async def visit(self):
        client = await come_in(self.case.cluster.edges[self.edge], self.name)
        self.edge = (self.edge + 1) % len(self.case.cluster.edges)
        await self.recover_inbox(client)
        await self.recover_room(client)
        if self.stop:
            await client.settled()
        else:
            await asyncio.sleep(self.case.random.random() * 0.5)
            client.abort()
            await client.reader
        self.hear(client)
        await client.close()

    async def run(self):
        while not self.stop:
            await self.visit()
        await self.visit()


class Deaths(FreshClusterCase):
    edges = 3
    deaths = 8
    history = ()

    async def asyncSetUp(self):
        self.dir = tempfile.mkdtemp(prefix="splitrail-data-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.random = random.Random(self.id())
        self.router_options = ["--data-dir", self.dir, "--rebuild-window", "300ms",
                               "--max-messages-per-second", "0", "--max-bytes-per-second", "0",
                               *self.history]
        self.edge_options = ["--soft-output", "64MiB", "--max-output", "64MiB"]
        await super().asyncSetUp()
        self.members = [await self.client(edge=i, max_size=1 << 26) for i in range(3)]
        for member in self.members:
            await member.ok("join", room=ROOM)

    async def kill_again_and_again(self):
        for _ in range(self.deaths):
            await asyncio.sleep(0.2 + self.random.random() * 0.6)
            self.cluster.router.kill()
            await asyncio.sleep(self.random.random() * 0.2)
            await asyncio.to_thread(self.cluster.start_router)
        await self.cluster.ready()

    async def publish_through_deaths(self, pad):
        """The publishers, and what every member heard."""
        publishers = [Publisher(self, "p%d" % i, "user_wanderer", i % 2 == 1, pad) for i in range(4)]
        work = [asyncio.create_task(one.run()) for one in publishers]
        await self.kill_again_and_again()
        for publisher in publishers:
            publisher.stop = True
        await asyncio.gather(*work)
        self.assertEqual([p.refused for p in publishers if not p.keyed], [[], []])
        return publishers, [await self.heard_by(member, publishers) for member in self.members]

    async def heard_by(self, member, publishers):
        # From 0 to 0 speaks of presence: somebody was on the way when a router died.
        gaps = [gap for gap in await member.settled("gap") if gap["to"] != 0]
        self.assertEqual(gaps + member.heard("epoch"), [])
        heard = [(m["offset"], m["payload"][:2]) for m in member.heard("room_message")]
        self.check("room_message", heard, publishers)
        return heard

    def check(self, type_, heard, publishers):
        self.assertEqual([offset for offset, _ in heard], list(range(1, len(heard) + 1)))
        for publisher in publishers:
            mine = {n: offset for offset, (name, n) in heard if name == publisher.name}
            self.assertEqual(len(mine), sum(name == publisher.name for _, (name, _) in heard),
                             "nothing twice")
            told = {n: offset for (t, n), offset in publisher.answers.items() if t == type_}
            self.assertEqual(set(told) - set(mine), set(), "nothing lost")
            if type_ == "room_message":
                self.assertEqual({n: mine[n] for n in told}, told)
                if not publisher.keyed:
                    self.assertEqual(list(mine), list(range(1, len(mine) + 1)))


class ExactlyOnce(Deaths):
    history = ("--history-messages", "5000")

    async def test_members_and_who_comes_back_with_since_hear_everything_once(self):
        wanderer = Wanderer(self, "wanderer")
        wanders = asyncio.create_task(wanderer.run())
        publishers, (first, *others) = await self.publish_through_deaths("")
        wanderer.stop = True
        await wanders
        for other in others:
            self.assertEqual(other, first)
        seen = wanderer.seen["room_message"]
        self.assertEqual(seen, first[len(first) - len(seen):])
        self.check("direct_message", wanderer.seen["direct_message"], publishers)


class ExactlyOnceLarge(Deaths):
    async def test_members_hear_once_what_is_larger_than_a_history(self):
        _, (first, *others) = await self.publish_through_deaths("x" * 30000)
        for other in others:
            self.assertEqual(other, first)


if __name__ == "__main__":
    unittest.main()
