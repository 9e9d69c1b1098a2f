"""Traffic that moves the metrics: people who talk, and people who do wrong."""

import asyncio
import itertools

import websockets

from clients import Client, Raw, frame
from cluster import http_get

# More than a second's worth of --max-messages-per-second, fewer than close a connection.
BURST = 120


class Traffic:
    """As a context: some who stay are connected until its end."""

    names = itertools.count(1)

    def __init__(self, cluster):
        self.cluster = cluster
        self.clients = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await asyncio.gather(*(client.close() for client in self.clients), return_exceptions=True)

    async def come(self, edge=0):
        client = await Client.connect(self.cluster.edges[edge], "traffic%d" % next(self.names))
        self.clients.append(client)
        return client

    async def everything(self):
        """Once each of what happens in a cluster's life."""
        room = "traffic-%d" % next(self.names)
        people = [await self.come(i % len(self.cluster.edges)) for i in range(4)]
        await self.talk(room, people)
        await self.flood(room, people[1])
        await asyncio.gather(self.leave(), self.kicked(), self.too_big(), self.nonsense())
        await asyncio.to_thread(http_get, self.cluster.edges[0].port, "/elsewhere")

    async def talk(self, room, people):
        for person in people:
            await person.ok("join", room=room)
        for i in range(5):
            for person in people:
                await person.ok("room_message", room=room, payload={"text": "x" * 40 * i})
        await people[0].ok("direct_message", targetUserId=people[1].user, payload={})
        await people[0].error("room_message", room=room + "-not-mine", payload={})

    async def flood(self, room, person):
        for i in range(BURST):
            await person.send("room_message", room=room, payload=i)
        await person.expect("error", code="message_rate_exceeded")
        await person.reply("ping")

    async def leave(self):
        guest = await Client.connect(self.cluster.edges[0], "guest%d" % next(self.names))
        await guest.close()

    async def kicked(self):
        guest = await Client.connect(self.cluster.edges[0], "kicked%d" % next(self.names))
        await asyncio.to_thread(self.cluster.ctl, "kick", "user", guest.user)
        await guest.closed()

    async def too_big(self):
        guest = await Client.connect(self.cluster.edges[0], "big%d" % next(self.names))
        try:
            await guest.send("room_message", room="r", payload="x" * 100000)
        except websockets.ConnectionClosed:
            pass
        await guest.closed()

    async def nonsense(self):
        raw = await Raw.upgraded(self.cluster.edges[0], "/ws?token=nonsense%d" % next(self.names))
        await raw.send(frame(3))
        await raw.close_code()
        raw.end()
