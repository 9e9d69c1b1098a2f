"""A client as it should be: it comes back whenever it is closed, says from where it goes on, and sends
again, under the same key, what was not answered. What it hears must be every message once, in order."""

import asyncio
import contextlib
import itertools
import os
import random
import time

import websockets

from clients import Client

GONE = (AssertionError, OSError, asyncio.TimeoutError, websockets.WebSocketException)


class Steady:
    def __init__(self, url, name, room, token=lambda name: name, gate=None):
        """`url` says where to connect whenever it is asked; `gate` is a semaphore that many share, so that
        this machine does not open all their connections at once."""
        self.url, self.name, self.room, self.token = url, name, room, token
        self.gate = gate or contextlib.nullcontext()
        self.life = os.urandom(4).hex()  # the router remembers keys for longer than a test
        self.client = None
        self.since = None
        self.heard = []
        self.faults = []
        self.codes = []  # how its connections ended
        self.cut = []  # those codes of which no drain had told it
        self.told = False
        self.refusals = 0
        self.pauses = []  # seconds from the end of a connection until it has joined again
        self.answer_s = 0  # the longest time from saying something to its answer
        self.joined = asyncio.Event()
        self.task = asyncio.create_task(self._live())

    async def _live(self):
        ended = None
        while True:
            try:
                async with self.gate:
                    client = await Client.connect(self.url(), self.token(self.name), open_timeout=10)
                    await self._join(client)
            except GONE:
                self.refusals += 1
                await asyncio.sleep(random.uniform(0.05, 0.3))
                continue
            if ended is not None:
                self.pauses.append(time.monotonic() - ended)
            self.told = False
            await self._listen(client)
            ended = time.monotonic()
            code = client.socket.close_code
            self.codes.append(code)
            if code != 1012 or not self.told:
                self.cut.append(code)

    async def _join(self, client):
        since = {"since": self.since} if self.since else {}
        answer = await client.ok("join", room=self.room, **since)
        if self.since and not answer["recovered"]:
            self.faults.append("nothing recovered since %s: %s" % (self.since, answer))
        self.since = self.since or {"epoch": answer["epoch"], "offset": answer["offset"]}
        self._take(client)
        self.client = client
        self.joined.set()

    async def _listen(self, client):
        async with client.changed:
            while not client.ended:
                await client.changed.wait()
                self._take(client)
        self._take(client)
        self.joined.clear()

    def _take(self, client):
        for message in client.heard("room_message"):
            if message["offset"] != self.since["offset"] + 1:
                self.faults.append("%s after %d" % (message, self.since["offset"]))
            self.since["offset"] = message["offset"]
            self.heard.append(message["payload"])
        # A gap to 0 says who may be gone, and that no message is.
        self.faults += [g for g in client.heard("gap") if g["to"] != 0] + client.heard("epoch")
        self.told = self.told or bool(client.heard("server_shutdown"))
        client.inbox = [(m, raw) for m, raw in client.inbox if m["type"] in ("ok", "error", "pong")]

    async def say(self, text):
        """Until it is answered."""
        key = "%s-%s" % (self.life, text)
        begin = time.monotonic()
        while True:
            await self.joined.wait()
            try:
                await self.client.ok("room_message", room=self.room, payload=text, key=key)
                self.answer_s = max(self.answer_s, time.monotonic() - begin)
                return
            except GONE as error:
                ended = self.client.ended or isinstance(error, websockets.ConnectionClosed)
                if self.joined.is_set() and not ended:
                    self.faults.append("refused: %s" % error)
                await asyncio.sleep(0.05)

    async def close(self):
        self.task.cancel()
        if self.client is not None:
            await self.client.close()


class Traffic:
    """A room full of them, a few of whom talk all the time."""

    def __init__(self, url, room, members=24, talkers=4, each_s=0.2, **options):
        self.members = [Steady(url, "%s-%d" % (room, i), room, **options) for i in range(members)]
        self.said = []
        self.talking = True
        self.talkers = [asyncio.create_task(self._talk(m, i, each_s))
                        for i, m in enumerate(self.members[:talkers])]

    async def _talk(self, member, who, each_s):
        await self.joined(600)  # who comes later has missed nothing
        for n in itertools.count():
            if not self.talking:
                return
            await member.say("%d/%d" % (who, n))
            self.said.append("%d/%d" % (who, n))
            await asyncio.sleep(each_s)

    async def joined(self, timeout=30):
        await asyncio.gather(*(asyncio.wait_for(m.joined.wait(), timeout) for m in self.members))

    async def settle(self, timeout=30):
        """No more is said, and everybody has heard all of it."""
        self.talking = False
        await asyncio.gather(*(asyncio.wait_for(t, timeout) for t in self.talkers))
        await self.joined()
        end = time.monotonic() + timeout
        while time.monotonic() < end and any(set(self.said) - set(m.heard) for m in self.members):
            await asyncio.sleep(0.05)

    def faults(self):
        """What anybody missed, heard twice or out of order; and other trouble."""
        faults = [(m.name, f) for m in self.members for f in m.faults]
        faults += [(m.name, "ended: %r" % m.task.exception()) for m in self.members if m.task.done()]
        for member in self.members:
            heard = set(member.heard)
            if len(heard) != len(member.heard):
                faults.append((member.name, "heard twice"))
            if set(self.said) - heard:
                faults.append((member.name, "missed", sorted(set(self.said) - heard)))
        return faults

    def codes(self):
        return [code for m in self.members for code in m.codes]

    def figures(self):
        return "%d messages to %d clients, %d lost, %d moves, longest pause %.1f s" % (
            len(self.said), len(self.members), len(self.faults()), len(self.codes()),
            max((p for m in self.members for p in m.pauses), default=0))

    async def close(self):
        self.talking = False
        for task in self.talkers:
            task.cancel()
        await asyncio.gather(*(m.close() for m in self.members), return_exceptions=True)
