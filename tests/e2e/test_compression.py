"""permessage-deflate through the whole system: clients with and without it in one room, one
compressed copy for all of them, and a live connection whose compressed messages are refused."""

import json
import unittest

from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from clients import ClusterCase
from cluster import eventually

PAYLOAD = {"text": "the same words again and again, " * 60, "more": "\u00e4\u00f6\u00fc \U0001f600" * 20}
OUT = 'splitrail_edge_compressed_messages_total{direction="out"}'
IN = 'splitrail_edge_compressed_messages_total{direction="in"}'


class Compression(ClusterCase):
    edges = 1
    edge_options = ("--compression", "on")

    def count(self, name):
        return self.cluster.edges[0].metrics().get(name, 0)

    async def member(self, room, **options):
        client = await self.client(**options)
        await client.ok("join", room=room)
        return client

    def window(self, bits):
        return {"compression": None,
                "extensions": [ClientPerMessageDeflateFactory(server_max_window_bits=bits)]}

    async def test_one_copy_serves_all_who_compress_and_the_others_get_it_plain(self):
        room = self.new()
        packed = [await self.member(room, compression="deflate") for _ in range(4)]
        plain = [await self.member(room) for _ in range(2)]
        narrow = await self.member(room, **self.window(9))
        for client in packed + [narrow]:
            self.assertEqual(len(client.socket.extensions), 1)
        for sender in (packed[0], plain[0]):
            before = self.count(OUT)
            raw = json.dumps({"type": "room_message", "room": room, "payload": PAYLOAD})
            await sender.send_raw(raw)
            texts = set()
            for client in packed + plain + [narrow]:
                message, text = await client.expect_raw("room_message", roomId=room)
                self.assertEqual(message["payload"], PAYLOAD)
                texts.add(text)
            self.assertEqual(len(texts), 1)
            # Once for the usual window and once for the narrow one.
            self.assertEqual(self.count(OUT) - before, 2)

    async def test_messages_from_clients_are_inflated_and_short_answers_stay_plain(self):
        client = await self.client(compression="deflate")
        before_in, before_out = self.count(IN), self.count(OUT)
        for i in range(5):
            await client.reply("ping")
        self.assertEqual(self.count(IN) - before_in, 5)
        self.assertEqual(self.count(OUT) - before_out, 0)

    async def test_a_bomb_is_closed_with_1009_and_counted_as_such(self):
        client = await self.client(compression="deflate")
        await client.send_raw('{"type":"ping","x":"%s"}' % ("0" * 10_000_000))
        await eventually(lambda: client.ended, "the close")
        self.assertEqual(client.socket.close_code, 1009)

    async def test_memory_for_messages_goes_back_to_nothing(self):
        client = await self.client(compression="deflate")
        await client.reply("ping")
        held = 'splitrail_edge_memory_bytes{type="messages"}'
        await eventually(lambda: self.count(held) == 0, "no incomplete message")


if __name__ == "__main__":
    unittest.main()
