"""Thousands of malformed inputs: each ends in a documented answer, and a bystander notices nothing.

One seed makes one history: SPLITRAIL_E2E_SEED repeats it.
"""

import asyncio
import os
import random
import time
import unittest

import zmq

from clients import ClusterCase, Raw, frame, handshake
from cluster import Program, bearable, eventually, free_port, http_get

SEED = int(os.environ.get("SPLITRAIL_E2E_SEED", "20"))
AT_ONCE = 40

# What a close frame may carry on the wire: an edge echoes each of them to who sends it. None and
# 1005: it ended without a frame, or with one without a code.
CLOSE_CODES = {None, 1000, 1001, 1002, 1003, 1005, *range(1007, 1015), *range(3000, 5000)}
STATUSES = {200, 400, 403, 404, 405, 426, 429, 431, 503, 505}

MESSAGES = [
    b'{"type":"ping","id":"h"}',  # no number, which the test's own requests have
    b'{"type":"join","room":"h","since":{"epoch":"0","offset":3},"members":true}',
    b'{"type":"room_message","room":"h","payload":{"a":[1,2,{"b":null}]},"key":"k","echo":false}',
    b'{"type":"direct_message","targetUserId":"user_h","payload":"\\u00e9\\n"}',
    b'{"type":"presence","users":["a","b","c"]}',
    b'{"type":"history","room":"h","limit":10}',
    b'{"type":"watch","users":["user_h"],"id":"x"}',
]


def mutated(rng, data):
    """A copy with a few bytes changed, cut out, doubled or put in, or cut short."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0 and data:
            data[at % len(data)] = rng.randrange(256)
        elif kind == 1 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del data[at:at + rng.randint(1, 8)]
        elif kind == 3:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 8)))
        elif kind == 4:
            data[at:at] = data[max(0, at - rng.randint(1, 20)):at]
        else:
            del data[at:]
    return bytes(data)


class Hostile(ClusterCase):
    router_options = ("--max-messages-per-second", "0", "--max-bytes-per-second", "0")
    edge_options = ("--handshake-timeout", "3s")

    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.rng = random.Random("%s %s" % (SEED, self.id()))
        room = self.new()
        self.speaker, self.listener = await self.client(edge=0), await self.client(edge=1)
        await self.speaker.ok("join", room=room)
        await self.listener.ok("join", room=room)
        self.calm = asyncio.Event()
        self.slowest = 0.0
        self.bystander = asyncio.create_task(self.talk(room))

    async def talk(self, room):
        """A conversation across the edges while the others rage."""
        count = 0
        while not self.calm.is_set() or count < 5:
            count += 1
            start = time.monotonic()
            await self.speaker.ok("room_message", room=room, payload=count, echo=False)
            message = await self.listener.expect("room_message", roomId=room)
            self.assertEqual((message["payload"], message["offset"]), (count, count))
            self.slowest = max(self.slowest, time.monotonic() - start)
        return count

    async def asyncTearDown(self):
        self.calm.set()
        count = await self.bystander
        self.assertGreater(count, 4)
        self.assertLess(self.slowest, bearable(15), "the bystander was disturbed")
        for client in (self.speaker, self.listener):
            self.assertFalse(client.ended)
            self.assertEqual(client.heard("error"), [])
        await super().asyncTearDown()

    async def each(self, inputs, attack):
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(data):
            async with gate:
                await attack(data)
        await asyncio.gather(*(one(data) for data in inputs))

    async def handshake_attack(self, data):
        raw = await Raw.open(self.rng.choice(self.cluster.edges).port)
        await raw.send(data)
        try:
            raw.writer.write_eof()
        except (OSError, RuntimeError):
            pass
        answer = await raw.rest()
        if answer:
            status = answer.split(b" ")[1]
            self.assertTrue(int(status) == 101 or int(status) in STATUSES, (data, answer))
        raw.end()

    async def test_malformed_handshakes(self):
        seeds = [handshake(), handshake("/ws", "Authorization: Bearer abc\r\n"),
                 handshake("/ws", "Sec-WebSocket-Protocol: splitrail.v1.json, bearer.t\r\n"),
                 b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"]
        inputs = [mutated(self.rng, self.rng.choice(seeds)) for _ in range(1200)]
        inputs += [bytes(self.rng.randrange(256) for _ in range(self.rng.randint(1, 300)))
                   for _ in range(100)]
        inputs += [handshake(more="X: %s\r\n" % ("y" * n)) for n in (7000, 8000, 9000, 100000)]
        inputs += [handshake(more="A: b\r\n" * n) for n in (10, 100, 1000, 5000)]
        inputs += [handshake()[:n] for n in range(0, len(handshake()), 4)]
        await self.each(inputs, self.handshake_attack)

    async def frames_attack(self, data):
        raw = await Raw.upgraded(self.rng.choice(self.cluster.edges),
                                 "/ws?token=hostile%d" % self.rng.randrange(20))
        await raw.send(data)
        try:
            raw.writer.write_eof()
        except (OSError, RuntimeError):
            pass
        self.assertIn(await raw.close_code(), CLOSE_CODES, data)
        raw.end()

    async def test_malformed_frames(self):
        def good():
            kind = self.rng.randrange(5)
            text = self.rng.choice(MESSAGES)
            if kind == 0:
                return frame(1, text[:9], fin=False) + frame(0, text[9:])
            if kind == 1:
                return frame(9, b"p") + frame(1, text)
            if kind == 2:
                return frame(8, b"\x03\xe8bye")
            if kind == 3:
                return frame(1, text + b" " * self.rng.randrange(70000))
            return frame(1, text)
        inputs = [mutated(self.rng, good() + good()) for _ in range(1200)]
        inputs += [bytes(self.rng.randrange(256) for _ in range(self.rng.randint(1, 200)))
                   for _ in range(100)]
        await self.each(inputs, self.frames_attack)

    async def test_malformed_json(self):
        clients = [await self.client(edge=i % 2) for i in range(4)]

        async def feed(client, rng):
            sent = 0
            while sent < 300:
                text = mutated(rng, rng.choice(MESSAGES)).decode(errors="replace")
                await client.send_raw(text)
                sent += 1
                if sent % 25 == 0:
                    await client.ok("ping")
            await client.ok("ping")
            return client.heard("error")
        answers = await asyncio.gather(*(feed(c, random.Random(SEED + i))
                                         for i, c in enumerate(clients)))
        codes = {error["code"] for errors in answers for error in errors}
        self.assertGreater(sum(map(len, answers)), 500)
        self.assertLessEqual(codes, {"invalid_json", "invalid_message", "invalid_name",
                                     "unknown_type", "not_member"})
        deep = [("[" * n) + ("]" * n) for n in (100, 1000, 30000)]
        for payload in deep:
            await clients[0].send_raw('{"type":"direct_message","targetUserId":"a","payload":%s}' % payload)
        await clients[0].ok("ping")

    def dealer(self, endpoint):
        socket = self.context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 2000)
        socket.connect(endpoint)
        return socket

    def pour(self, endpoint, inputs):
        """Sends each as one message, from several identities."""
        self.context = zmq.Context()
        for chunk in range(0, len(inputs), 50):
            socket = self.dealer(endpoint)
            for data in inputs[chunk:chunk + 50]:
                if isinstance(data, list):
                    socket.send_multipart(data)
                else:
                    socket.send(data)
            socket.close()
        self.context.term()

    async def test_garbage_on_the_plane(self):
        hello = bytes.fromhex("1a24" "0801" "1206") + b"edge-x" + bytes.fromhex(
            "19" "0102030405060708" "21" "0000000000000000" "2800" "308080800a" "3a0178")
        batch = bytes.fromhex("0801" "7a10" "0a0101" "120101" "1a0101" "220101" "320104") + b":\x04abcd"
        inputs = [b"", b"\0", b"\xff" * 1000, [b"a", b"b", b"c"], b"\x7a\xff\xff\xff\xff\x0f"]
        inputs += [mutated(self.rng, self.rng.choice([hello, batch, hello + batch])) for _ in range(600)]
        inputs += [bytes(self.rng.randrange(256) for _ in range(self.rng.randint(1, 100)))
                   for _ in range(100)]
        await asyncio.to_thread(self.pour, self.cluster.plane, inputs)
        self.assertEqual(http_get(self.cluster.http_port, "/health")[0], 200)
        await self.cluster.ready()

    async def test_garbage_on_the_admin_endpoint(self):
        asks = [bytes.fromhex("080110017a00"), bytes.fromhex("08011002") + b"\x1a\x05\x0a\x03abc",
                bytes.fromhex("08011003") + b"\x2a\x04\x0a\x02u_", bytes.fromhex("0863") + b"\x7a\x00"]
        inputs = [mutated(self.rng, self.rng.choice(asks)) for _ in range(300)]
        inputs += [b"", b"\xff" * 100, [b"a", b"b"], b"x" * 100000]
        await asyncio.to_thread(self.pour, self.cluster.admin, inputs)
        self.assertEqual(self.cluster.ctl_raw("version")[0], 0)

    async def test_garbage_instead_of_zeromq_or_http(self):
        ports = [self.cluster.router_port, self.cluster.admin_port, self.cluster.http_port,
                 self.cluster.edges[0].http_port]

        async def attack(data):
            raw = await Raw.open(self.rng.choice(ports))
            await raw.send(data)
            raw.writer.close()
        await self.each([bytes(self.rng.randrange(256) for _ in range(self.rng.randint(1, 500)))
                         for _ in range(200)], attack)

    async def test_an_opening_is_served_when_an_http_client_had_its_descriptor_just_before(self):
        edge = self.cluster.edges[0]
        for _ in range(20):
            asked = [await Raw.open(edge.http_port) for _ in range(4)]
            for raw in asked:
                await raw.send(b"\0nonsense\r\n\r\n")
            for raw in asked:
                await raw.rest()
                raw.end()
            opened = [await Raw.upgraded(edge) for _ in range(8)]
            for raw in opened:
                raw.end()

    async def test_what_follows_a_close_frame_does_not_destroy_the_answer(self):
        async def attack(rest):
            raw = await Raw.upgraded(self.rng.choice(self.cluster.edges))
            await raw.send(frame(8, b"\x03\xe8") + rest)
            answer = await raw.rest()
            self.assertTrue(answer.endswith(b"\x88\x02\x03\xe8"), answer[-20:])
            raw.end()
        await self.each([bytes(self.rng.choice((0, 1, 1000, 300000))) for _ in range(200)], attack)

    async def test_slow_clients_are_ended_by_the_handshake_timeout(self):
        async def dribble(_):
            raw = await Raw.open(self.cluster.edges[0].port)
            await raw.send(handshake()[:self.rng.randrange(100)])
            await raw.rest()
            raw.end()
        await self.each(range(100), dribble)

    async def test_another_plane_version_is_refused_with_a_clear_line(self):
        hello = b"\x08\x63" + b"\x12\x09edge-zero" + b"\x19" + b"\x07" * 8
        data = b"\x1a" + bytes([len(hello)]) + hello

        def ask():
            self.context = zmq.Context()
            socket = self.dealer(self.cluster.plane)
            socket.setsockopt(zmq.RCVTIMEO, 20000)
            socket.send(data)
            answer = socket.recv()
            socket.close()
            self.context.term()
            return answer
        answer = await asyncio.to_thread(ask)
        self.assertIn(b"\x08\x01", answer)
        await eventually(lambda: self.cluster.router.find(r"link\.version|link\.refused|edge\.refused"),
                         "a line in the router's log")


class HostileRouter(unittest.IsolatedAsyncioTestCase):
    async def test_an_edge_survives_a_router_that_talks_nonsense(self):
        rng = random.Random(SEED)
        context = zmq.Context()
        router = context.socket(zmq.ROUTER)
        router.setsockopt(zmq.LINGER, 0)
        router.setsockopt(zmq.RCVTIMEO, 20000)
        port = router.bind_to_random_port("tcp://127.0.0.1")
        http_port = free_port()
        edge = Program("edge", ["splitrail-edge", "--id", "edge-1", "--listen",
                                "127.0.0.1:%d" % free_port(), "--http-listen", "127.0.0.1:%d" % http_port,
                                "--router", "tcp://127.0.0.1:%d" % port])
        try:
            welcome = bytes.fromhex("2220" "0801" "1201" "72" "19" "0900000000000000" "2000" "2800"
                                    "308080800a" "38f403" "40dc0b" "48b817")
            for _ in range(4):
                peer, _ = await asyncio.to_thread(router.recv_multipart)
                for _ in range(150):
                    router.send_multipart([peer, mutated(rng, welcome)])
            self.assertEqual(http_get(http_port, "/health")[0], 200)
        finally:
            trouble = await asyncio.to_thread(edge.finish)
            router.close()
            context.term()
        self.assertIsNone(trouble)


if __name__ == "__main__":
    unittest.main()
