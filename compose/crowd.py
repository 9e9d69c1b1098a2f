"""Many steady clients, in rooms of two dozen, who talk slowly enough for one machine to be them all; and what
they went through, in figures."""

import asyncio
import statistics
import time
import typing

from steady import Traffic

ROOM = 24
OPENING = 400  # connections at a time: what is measured is the cluster, not this process
MESSAGES_PER_S = 20


class Figures(typing.NamedTuple):
    said: int
    heard: int
    lost: int  # not heard, heard twice or out of order
    moved: int  # connections that ended
    cut: int  # those of them that no drain had announced
    refused: int  # attempts that failed before one succeeded
    pauses: list  # seconds
    answer_s: float  # the longest that a talker waited

    def __str__(self):
        text = "%d messages, %d deliveries, %d lost, %d moved by a drain, %d cut off" % (
            self.said, self.heard, self.lost, self.moved - self.cut, self.cut)
        if self.pauses:
            text += ", %d attempts refused, pause %.2f s at worst, %.3f s in the middle" % (
                self.refused, max(self.pauses), statistics.median(self.pauses))
        return text + ", longest answer %.1f s" % self.answer_s


class Crowd:
    def __init__(self, url, name, clients, **options):
        self.clients = clients
        self.patience_s = 60 + clients / 10
        gate = asyncio.Semaphore(OPENING)
        sizes = [min(ROOM, clients - first) for first in range(0, clients, ROOM)]
        talkers = max(1, 4 // len(sizes))
        self.rooms = [
            Traffic(url, "%s-%d" % (name, i), members=size, talkers=talkers, gate=gate,
                    each_s=talkers * len(sizes) / MESSAGES_PER_S, **options)
            for i, size in enumerate(sizes)]
        self.counted = (0, 0)

    @property
    def members(self):
        return [member for room in self.rooms for member in room.members]

    async def joined(self):
        await asyncio.gather(*(room.joined(self.patience_s) for room in self.rooms))

    async def figures(self):
        """What happened since the last call, once all has been heard that was said until now."""
        await self._caught_up()
        said = sum(len(room.said) for room in self.rooms)
        heard = sum(len(m.heard) for m in self.members)
        members = self.members
        figures = Figures(
            said - self.counted[0], heard - self.counted[1], len(self.faults()),
            sum(len(m.codes) for m in members), sum(len(m.cut) for m in members),
            sum(m.refusals for m in members), [p for m in members for p in m.pauses],
            max(m.answer_s for m in members))
        self.counted = (said, heard)
        for member in members:
            member.codes, member.cut, member.pauses = [], [], []
            member.refusals = member.answer_s = 0
        return figures

    async def _caught_up(self):
        said = [set(room.said) for room in self.rooms]
        end = time.monotonic() + self.patience_s
        left = list(zip(self.rooms, said))
        while left and time.monotonic() < end:
            left = [(room, texts) for room, texts in left
                    if any(not texts.issubset(m.heard) for m in room.members)]
            await asyncio.sleep(0.1)
        self.missing = ["%s: not everybody heard everything" % room.members[0].room for room, _ in left]

    def faults(self):
        """What went wrong for good, until the last figures() or settle()."""
        wrong = [(m.name, fault) for m in self.members for fault in m.faults]
        wrong += [(m.name, "ended: %r" % m.task.exception()) for m in self.members if m.task.done()]
        wrong += [(m.name, "heard twice") for m in self.members if len(set(m.heard)) != len(m.heard)]
        return wrong + self.missing

    def sample(self):
        """A few rooms."""
        return {id(room): room for room in (self.rooms[0], self.rooms[len(self.rooms) // 2],
                                            self.rooms[-1])}.values()

    async def settle(self):
        """No more is said, and everybody has heard all of it."""
        await asyncio.gather(*(room.settle(self.patience_s) for room in self.rooms))
        await self._caught_up()

    async def close(self):
        await asyncio.gather(*(room.close() for room in self.rooms))
