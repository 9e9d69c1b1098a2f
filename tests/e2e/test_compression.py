"""permessage-deflate through the whole system: clients with and without it in one room, one
compressed copy for all of them; contexts, and what happens when their memory is used up."""

import json
import time
import unittest
import zlib

from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from clients import ClusterCase
from cluster import PATIENCE_S, eventually, http_get, parse_metrics
from test_conformance import CLOSE, TAIL, TEXT, Echo, frame

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


LIMIT = 'splitrail_edge_compression_limit_total{action="%s"}'
MEMORY = 'splitrail_edge_compression_memory_bytes{for="%s"}'
MIB = 1 << 20


class Talker:
    """A bare client that keeps its context from message to message, as tornado 6.2 does whatever it is
    answered, and hears with one that is kept as well."""

    def __init__(self, peer, bits=15):
        self.peer = peer
        self.packer = zlib.compressobj(6, zlib.DEFLATED, -bits)
        self.opener = zlib.decompressobj(-15)

    def say(self, text):
        """Bytes of the payload."""
        data = (self.packer.compress(text) + self.packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
        self.peer.send(frame(TEXT, data, rsv=4))
        return len(data)

    def hear(self):
        """(text, bytes of the payload), or (code, reason)."""
        first, second = self.peer.take(2)
        n = second & 0x7F
        n = int.from_bytes(self.peer.take(2 if n == 126 else 8), "big") if n >= 126 else n
        data = self.peer.take(n)
        if first & 0x0F == CLOSE:
            return int.from_bytes(data[:2], "big"), data[2:].decode()
        return self.opener.decompress(data + TAIL) if first & 0x40 else data, n


WORDS = "This sentence stands in every message, only the number changes: %d. "
CLOSED = 'splitrail_edge_compression_limit_total{action="closed"}'
DECLINED = 'splitrail_edge_compression_limit_total{action="declined"}'
FOR_CONTEXTS = 'splitrail_edge_compression_memory_bytes{for="contexts"}'
FOR_MESSAGES = 'splitrail_edge_compression_memory_bytes{for="messages"}'
BEGINNING = frame(TEXT, b"\x00\x09\x00\xf6\xffHello", fin=False, rsv=4)  # of a message never ended
PRICE = {"inflater": (1 << 15) + 8192, "deflater": (1 << 18) + 8192}


class ContextCase(Echo):
    def count(self, name):
        return parse_metrics(http_get(self.http_port, "/metrics")[2]).get(name, 0)

    def wait_for(self, name, value):
        end = time.monotonic() + PATIENCE_S
        while (now := self.count(name)) != value:
            self.assertLess(time.monotonic(), end, "%s is %s" % (name, now))

    def talk(self, talker, rounds=5):
        """Bytes of the payloads said and heard, per message."""
        sizes = []
        for i in range(rounds):
            text = (WORDS % i).encode()
            said = talker.say(text)
            heard, size = talker.hear()
            self.assertEqual(heard, text)
            sizes.append((said, size))
        return sizes


class NoContext(ContextCase):
    options = ("--compression", "on", "--compression-min", "0B", "--compression-memory", "1MiB")

    def test_a_client_that_keeps_its_context_all_the_same_is_closed_with_1007(self):
        talker = Talker(self.peer(extensions=["permessage-deflate"]))
        self.talk(talker, 1)
        talker.say((WORDS % 1).encode())
        self.assertEqual(talker.hear()[0], 1007)

    def test_thousands_of_beginnings_cost_only_those_who_sent_them(self):
        bystander = Talker(self.peer(extensions=["permessage-deflate"]))
        room = (1 << 20) // PRICE["inflater"]
        before = self.count(CLOSED)
        hostile = []
        for i in range(4 * room):
            hostile.append(self.peer(extensions=["permessage-deflate"]))
            hostile[-1].send(BEGINNING)
            self.assertLessEqual(self.count(FOR_MESSAGES), 1 << 20)
            text = (WORDS % i).encode()
            bystander.packer = zlib.compressobj(6, zlib.DEFLATED, -15)
            bystander.say(text)
            self.assertEqual(bystander.hear()[0], text)
        self.wait_for(CLOSED, before + 3 * room)
        for peer in hostile[:3 * room]:
            code, reason = Talker(peer).hear()
            self.assertEqual(code, 1008)
            self.assertIn("--compression-memory", reason)
        for peer in hostile[3 * room:]:  # the newest are still served
            peer.send(frame(0, b"abcd\x00"))
            self.assertEqual(Talker(peer).hear()[0], b"Helloabcd")
        self.wait_for(FOR_MESSAGES, 0)


class ClientContext(ContextCase):
    options = ("--compression", "on", "--compression-context", "client", "--compression-min", "0B",
               "--compression-memory", "1MiB")

    def test_messages_of_the_client_refer_to_earlier_ones_and_ours_stand_alone(self):
        peer = self.peer(extensions=["permessage-deflate; client_max_window_bits"])
        self.assertEqual(peer.extension, "permessage-deflate; server_no_context_takeover")
        sizes = self.talk(Talker(peer))
        self.assertLess(sizes[-1][0], sizes[0][0] / 3)
        self.assertGreater(sizes[-1][1], sizes[0][1] - 5)

    def test_a_small_window_of_the_client_costs_less(self):
        self.wait_for(FOR_CONTEXTS, 0)
        for bits in range(9, 15):
            peer = self.peer(extensions=["permessage-deflate; client_max_window_bits=%d" % bits])
            self.assertIn("client_max_window_bits=%d" % bits, peer.extension)
            self.assertEqual(self.count(FOR_CONTEXTS), (1 << bits) + 8192)
            self.talk(Talker(peer, bits))
            peer.socket.close()
            self.wait_for(FOR_CONTEXTS, 0)

    def test_a_bomb_in_a_context_is_closed_with_1009(self):
        peer = self.peer(extensions=["permessage-deflate"])
        talker = Talker(peer)
        self.talk(talker, 2)
        talker.say(b"0" * (17 << 20))
        self.assertEqual(talker.hear()[0], 1009)

    def test_who_comes_when_the_memory_is_used_up_talks_without_compression(self):
        self.wait_for(FOR_CONTEXTS, 0)
        before = self.count(DECLINED)
        room = (1 << 20) * 3 // 4 // PRICE["inflater"]
        first = [self.peer(extensions=["permessage-deflate"]) for _ in range(room)]
        late = self.peer(extensions=["permessage-deflate"])
        self.assertTrue(all(peer.extension for peer in first))
        self.assertIsNone(late.extension)
        late.send(frame(TEXT, b"plain"))
        self.assertEqual(late.read(), (TEXT, b"plain", False))
        alone = self.peer(extensions=["permessage-deflate; client_no_context_takeover"])
        self.assertIsNotNone(alone.extension)  # it needs no context
        self.assertEqual(self.count(DECLINED), before + 1)
        for peer in first:
            self.talk(Talker(peer), 2)
        for peer in first:
            peer.socket.close()
        self.wait_for(FOR_CONTEXTS, 0)
        self.assertIsNotNone(self.peer(extensions=["permessage-deflate"]).extension)


class BothContexts(ContextCase):
    options = ("--compression", "on", "--compression-context", "both", "--compression-min", "0B")

    def test_messages_of_both_refer_to_earlier_ones(self):
        self.wait_for(FOR_CONTEXTS, 0)
        peer = self.peer(extensions=["permessage-deflate"])
        self.assertEqual(peer.extension, "permessage-deflate")
        sizes = self.talk(Talker(peer))
        self.assertLess(sizes[-1][0], sizes[0][0] / 3)
        self.assertLess(sizes[-1][1], sizes[0][1] / 2)
        self.assertEqual(self.count(FOR_CONTEXTS), PRICE["inflater"] + PRICE["deflater"])
        peer.socket.close()
        self.wait_for(FOR_CONTEXTS, 0)

    def test_a_client_that_wants_to_hear_messages_that_stand_alone_does(self):
        peer = self.peer(extensions=["permessage-deflate; server_no_context_takeover"])
        self.assertEqual(peer.extension, "permessage-deflate; server_no_context_takeover")
        for text in (WORDS % 1).encode(), (WORDS % 2).encode():
            peer.send(frame(TEXT, text))
            self.assertEqual(peer.read(), (TEXT, text, True))  # reads each with a new window


class RoomOfContexts(ClusterCase):
    edges = 1
    edge_options = ("--compression", "on", "--compression-context", "both")

    async def test_those_with_and_without_a_context_hear_the_same(self):
        room = self.new()
        def offer(**named):
            return {"compression": None, "extensions": [ClientPerMessageDeflateFactory(**named)]}
        kinds = [{}, offer(), offer(), offer(server_no_context_takeover=True),
                 offer(client_no_context_takeover=True), offer(server_max_window_bits=10)]
        clients = []
        for kind in kinds:
            clients.append(await self.client(**kind))
            await clients[-1].ok("join", room=room)
        for i in range(8):
            payload = {"number": i, **PAYLOAD}
            await clients[i % len(clients)].send("room_message", room=room, payload=payload)
            texts = set()
            for client in clients:
                message, text = await client.expect_raw("room_message", roomId=room)
                self.assertEqual(message["payload"], payload)
                texts.add(text)
            self.assertEqual(len(texts), 1)


if __name__ == "__main__":
    unittest.main()
