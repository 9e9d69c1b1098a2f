"""Many ask for much at once: more than may wait for their edge. Nobody is closed for that."""

import asyncio
import shutil
import signal
import tempfile
import time
import unittest

from clients import FreshClusterCase
from cluster import eventually

MESSAGES = 20
MESSAGE_BYTES = 50000


class BackPressure(FreshClusterCase):
    async def asyncSetUp(self):
        self.dir = tempfile.mkdtemp(prefix="splitrail-data-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.router_options = ["--data-dir", self.dir, "--max-messages-per-second", "0",
                               "--max-bytes-per-second", "0", "--link-credit", "4MiB",
                               "--link-queue", "16MiB"]
        await super().asyncSetUp()

    async def talk(self, client, room, answers):
        """Until it is cancelled: how long each message took."""
        while True:
            began = time.monotonic()
            await client.ok("room_message", room=room, payload="small")
            answers.append(time.monotonic() - began)
            await asyncio.sleep(0.05)

    async def fill(self, room):
        writer = await self.client()
        answer = await writer.ok("join", room=room)
        for _ in range(MESSAGES):
            await writer.ok("room_message", room=room, payload="x" * MESSAGE_BYTES)
        return answer["epoch"]

    def read_by_edges(self):
        return sum(edge.metrics()['ws_messages_received_total{server_id="%s",type="text"}' % edge.id]
                   for edge in self.cluster.edges if edge.program.running())

    async def all_ask_at_once(self, questions):
        """The answers. The router finds all questions together, however slowly they come."""
        before = self.read_by_edges()
        self.cluster.router.send_signal(signal.SIGSTOP)
        try:
            answers = asyncio.gather(*questions)
            await eventually(lambda: self.read_by_edges() >= before + len(questions), "the edges have them")
        finally:
            self.cluster.router.send_signal(signal.SIGCONT)
        return await answers

    def holds(self):
        return self.cluster.metrics()["splitrail_router_link_holds_total"]

    async def test_a_hundred_histories_of_a_mebibyte_close_nobody(self):
        room, other = self.new(), self.new()
        await self.fill(room)
        readers = [await self.client() for _ in range(100)]
        for reader in readers:
            await reader.ok("join", room=room)
        bystander = await self.client()
        await bystander.ok("join", room=other)
        answers = []
        talk = asyncio.create_task(self.talk(bystander, other, answers))
        replies = await self.all_ask_at_once(
            [reader.ok("history", room=room, limit=MESSAGES) for reader in readers])
        said = len(answers)
        await eventually(lambda: len(answers) > said, "the bystander goes on")
        talk.cancel()
        for reply in replies:
            self.assertEqual(len(reply["messages"]), MESSAGES)
        self.assertGreater(self.holds(), 0)
        self.assertFalse(any(client.ended for client in [*readers, bystander]))

    async def test_those_of_a_dead_edge_come_back_at_once_with_what_they_lack(self):
        room = self.new()
        await self.fill(room)
        late = self.cluster.add_edge()
        await self.cluster.ready()
        clients = [await self.client(edge=i % 2) for i in range(4)]
        for client in clients:
            await client.ok("join", room=room)
        lost = [await type(clients[0]).connect(late, token=self.new("user")) for _ in range(80)]
        joined = [await client.ok("join", room=room) for client in lost]
        late.program.kill()
        for _ in range(MESSAGES - 1):
            await clients[0].ok("room_message", room=room, payload="y" * MESSAGE_BYTES)
        since = {"epoch": joined[0]["epoch"], "offset": joined[0]["offset"]}
        back = [await self.client(edge=i % 2, token=client.user.removeprefix("user_"))
                for i, client in enumerate(lost)]
        replies = await self.all_ask_at_once(
            [client.ok("join", room=room, since=since) for client in back])
        for reply in replies:
            self.assertTrue(reply["recovered"])
        for client in back:
            await eventually(lambda c=client: len(c.heard("room_message")) == MESSAGES - 1,
                             "everything that was said meanwhile")
        self.assertGreater(self.holds(), 0)
        self.assertFalse(any(client.ended for client in [*clients, *back]))


if __name__ == "__main__":
    unittest.main()
