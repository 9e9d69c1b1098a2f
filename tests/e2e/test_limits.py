"""Limits: each has a name, an answer and only one victim."""

import asyncio
import contextlib
import json
import socket
import struct
import time
import unittest
import zlib

import websockets

from clients import Client, ClusterCase, Raw, frame, handshake
from cluster import PATIENCE_S, eventually


class Rates(ClusterCase):
    router_options = ("--max-messages-per-second", "10", "--max-bytes-per-second", "20KiB")

    async def test_too_many_messages_are_refused_with_the_time_to_wait(self):
        room = self.new()
        loud, other = await self.client(edge=0), await self.client(edge=1)
        await other.ok("join", room=room)
        await loud.ok("join", room=room)
        for n in range(30):
            await loud.send("room_message", room=room, payload=n)
        error = await loud.expect("error", code="message_rate_exceeded")
        self.assertEqual(error["error"], "message_rate_exceeded")
        self.assertGreater(error["retryAfterMs"], 0)
        self.assertLessEqual(error["retryAfterMs"], 1000)

        async def allowed_again():
            while True:
                answer = await loud.reply("ping")
                if answer["type"] == "pong":
                    return
                self.assertEqual(answer["code"], "message_rate_exceeded")
                await asyncio.sleep(answer["retryAfterMs"] / 1000)
        await asyncio.wait_for(allowed_again(), PATIENCE_S)
        # What was refused was not acted upon, and the other one is not concerned.
        got = [m["payload"] for m in await other.settled("room_message", roomId=room)]
        self.assertGreaterEqual(len(got), 9)
        self.assertEqual(len(got) + len(loud.heard("error")) + 1, 30)

    async def test_too_many_bytes_are_refused_with_the_time_to_wait(self):
        client = await self.client()
        room = self.new()
        await client.ok("join", room=room)
        for _ in range(10):  # more than a few seconds' worth, however slowly they come
            await client.send("room_message", room=room, payload="x" * 12000)
        error = await client.expect("error", code="byte_rate_exceeded")
        self.assertEqual(error["error"], "byte_rate_exceeded")
        self.assertGreater(error["retryAfterMs"], 0)


class Floods(ClusterCase):
    router_options = ("--max-messages-per-second", "10", "--max-denials", "100")
    edge_options = ("--max-frames-per-second", "1000")

    async def test_who_keeps_exceeding_the_rate_is_closed_with_1008_and_counted(self):
        loud, other = await self.client(), await self.client()
        with contextlib.suppress(websockets.ConnectionClosed):  # it may be closed before it has said all
            for n in range(400):
                await loud.send("ping", id=n + 1)
        self.assertEqual((await loud.closed())[0], 1008)
        self.assertEqual((await other.reply("ping"))["type"], "pong")
        await eventually(lambda: any(
            v for k, v in self.cluster.edges[0].metrics().items()
            if k.startswith("ws_disconnections_total") and 'reason="policy"' in k), "counted as policy")

    async def test_a_flood_of_pings_is_read_slowly_and_answered_when_it_ends(self):
        other = await self.client()
        raw = await Raw.upgraded(self.cluster.edges[0])
        await raw.send(frame(9) * 3000)
        await eventually(lambda: any(
            v for k, v in self.cluster.edges[0].metrics().items()
            if k.startswith("splitrail_edge_read_pauses_total") and 'reason="pace"' in k), "paused")
        self.assertEqual((await other.reply("ping"))["type"], "pong")
        await raw.send(frame(8, b"\x03\xe8"))
        self.assertEqual(await raw.close_code(), 1000)
        raw.end()


class Input(ClusterCase):
    """--max-input-per-second counts what compressed messages inflate to."""
    edges = 1
    router_options = ("--max-messages-per-second", "0", "--max-bytes-per-second", "0")
    edge_options = ("--compression", "on", "--max-input-per-second", "2MiB")

    def pauses(self):
        return self.cluster.edges[0].metrics()['splitrail_edge_read_pauses_total{reason="pace"}']

    @staticmethod
    def packed(text):
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        data = deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH)
        return frame(1, data[:-4], rsv=4)

    async def test_small_bytes_that_inflate_to_much_are_read_slowly_and_keep_their_order(self):
        other = await self.client()
        raw = await Raw.open(self.cluster.edges[0].port)
        large = [self.packed(b'{"type":"ping","id":%d%s}' % (n + 1, b" " * 60000)) for n in range(60)]
        start, before = time.monotonic(), self.pauses()
        more = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
        await raw.send(handshake(more=more) + b"".join(large))
        self.assertIn(b"permessage-deflate", await raw.head())
        for _ in range(2):
            await raw.next_message()  # welcome, routing_token
        for n in range(60):
            data = await raw.next_message()
            if n == 10:
                await other.ok("ping")
            self.assertEqual(json.loads(data), {"type": "pong", "id": n + 1})  # too short to compress
        await raw.send(frame(8, b"\x03\xe8"))
        self.assertEqual(await raw.close_code(), 1000)
        raw.end()
        self.assertGreater(time.monotonic() - start, 1)  # 3.6 MB
        self.assertGreater(self.pauses(), before)

    async def test_who_is_closed_while_its_input_is_held_leaves_nothing(self):
        raw = await Raw.open(self.cluster.edges[0].port)
        await raw.send(handshake(more="Sec-WebSocket-Extensions: permessage-deflate\r\n") +
                       self.packed(b" " * 60000 + b"1") * 400)  # for many seconds
        await raw.head()
        before = self.pauses()
        await eventually(lambda: self.pauses() > before, "it is paused")
        raw.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                       struct.pack("ii", 1, 0))
        raw.end()
        await eventually(lambda: self.cluster.edges[0].metrics()[
            'splitrail_edge_connections{state="open"}'] == 0, "it is gone")
        self.assertEqual(
            self.cluster.edges[0].metrics()['splitrail_edge_memory_bytes{type="messages"}'], 0)


class Unlimited(ClusterCase):
    router_options = ("--max-messages-per-second", "0", "--max-bytes-per-second", "0",
                      "--max-rooms-per-connection", "10")
    # Whoever does not read answers no ping either; here it is to be closed for the former.
    edge_options = ("--max-output", "64KiB", "--soft-output", "32KiB", "--max-frame-fragments", "100",
                    "--path", "/ws", "--heartbeat-interval", "0")

    async def refused(self, status, request):
        raw = await Raw.open(self.cluster.edges[0].port)
        await raw.send(request)
        head = await raw.head()
        self.assertEqual(head.split(b" ")[1], b"%d" % status, head)
        raw.end()
        return head

    async def test_refusals_before_the_upgrade_are_http(self):
        await self.refused(404, handshake("/elsewhere"))
        await self.refused(405, handshake().replace(b"GET", b"POST"))
        head = await self.refused(426, handshake().replace(b"Version: 13", b"Version: 8"))
        self.assertIn(b"sec-websocket-version: 13", head.lower())
        await self.refused(400, handshake(key="short"))
        await self.refused(400, handshake().replace(b"Upgrade: websocket", b"Upgrade: h2c"))
        await self.refused(400, b"\x00\x01\x02\x03\r\n\r\n")
        await self.refused(431, handshake(more="X-Long: %s\r\n" % ("x" * 20000)))

    async def test_health_is_answered_on_the_client_port(self):
        raw = await Raw.open(self.cluster.edges[0].port)
        await raw.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await raw.rest()
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
        self.assertTrue(answer.rstrip().endswith(b"ok"), answer)

    async def test_each_violation_has_its_close_code(self):
        text = b'{"type":"ping"}'
        rows = [
            (1002, frame(1, text, masked=False)),
            (1002, frame(1, text, rsv=4)),
            (1002, frame(1, text, rsv=1)),
            (1002, frame(3, text)),
            (1002, frame(11, b"")),
            (1002, frame(0, text)),
            (1002, frame(1, text, fin=False) + frame(1, text)),
            (1002, frame(9, b"x", fin=False)),
            (1002, frame(9, b"x" * 126)),
            (1002, frame(8, b"\x03")),
            (1002, frame(8, b"\x03\xed")),
            (1002, frame(8, b"\x00\x00")),
            (1002, b"\x81\xfe\x00\x05" + b"\0" * 9),
            (1003, frame(2, text)),
            (1007, frame(1, b"\xff\xfe")),
            (1007, frame(1, b"\xc3", fin=False) + frame(0, b"(")),
            (1007, frame(1, b"\xed\xa0\x80")),
            (1007, frame(8, b"\x03\xe8\xff")),
            (1009, frame(1, b"", length=65537)),
            (1009, frame(1, b"", length=1 << 40)),
            (1009, frame(1, b"x" * 40000, fin=False) + frame(0, b"x" * 40000)),
            (1009, frame(1, b"x", fin=False) + frame(0, b"x", fin=False) * 150),
            (1000, frame(8, b"\x03\xe8")),
            (1005, frame(8, b"")),
        ]
        for code, data in rows:
            with self.subTest(code=code, data=data[:24]):
                raw = await Raw.upgraded(self.cluster.edges[0])
                await raw.send(data)
                self.assertEqual(await raw.close_code(), code)
                await raw.rest()
                raw.end()

    async def test_a_ping_is_answered_with_its_bytes_even_between_fragments(self):
        raw = await Raw.upgraded(self.cluster.edges[0], "/ws?token=pinger")
        await raw.send(frame(1, b'{"type":"pi', fin=False) + frame(9, b"abc")
                       + frame(0, b'ng","id":77}'))
        seen = []
        while not (10, b"abc") in seen or not any(b'"pong"' in p for _, p in seen):
            seen.append(await raw.next_frame())
        raw.end()

    async def test_the_largest_allowed_message_passes_and_one_byte_more_does_not(self):
        client = await self.client()
        text = '{"type":"ping","id":5,"x":"%s"}'
        await client.send_raw(text % ("x" * (65536 - len(text) + 2)))
        await client.expect("pong", id=5)
        await client.send_raw(text % ("x" * (65536 - len(text) + 3)))
        self.assertEqual((await client.closed())[0], 1009)

    async def test_a_slow_reader_is_closed_with_3008_and_nobody_else_waits(self):
        room = self.new()
        edge = self.cluster.edges[0]
        key = 'ws_disconnections_total{server_id="%s",reason="slow_consumer"}' % edge.id
        before = edge.metrics().get(key, 0)
        plug = socket.socket()
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plug.connect(("127.0.0.1", edge.port))
        plug.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=plug, limit=1024)
        slow = Raw(reader, writer)
        await slow.send(handshake("/ws?token=slow"))
        await slow.head()
        await slow.send(frame(1, b'{"type":"join","room":"%s"}' % room.encode()))
        writer.transport.pause_reading()
        talker, listener = await self.client(edge=1), await self.client(edge=0)
        await talker.ok("join", room=room)
        await listener.ok("join", room=room)
        await eventually(lambda: self.cluster.ctl("presence", "room", room)["total"] == 3, "all in")
        sent = 0
        while edge.metrics().get(key, 0) == before:
            self.assertLess(sent, 2000, "the slow reader is never closed")
            await talker.ok("room_message", room=room, payload="x" * 30000, echo=False)
            sent += 1
        got = await listener.settled("room_message", roomId=room)
        self.assertEqual([m["offset"] for m in got], list(range(1, sent + 1)))
        writer.transport.abort()

    async def test_only_so_many_rooms_per_connection(self):
        client = await self.client()
        for i in range(10):
            await client.ok("join", room="many-%d" % i)
        self.assertEqual((await client.error("join", room="many-10"))["code"], "too_many_rooms")
        await client.ok("leave", room="many-3")
        await client.ok("join", room="many-10")


class Budget(ClusterCase):
    edges = 2
    router_options = ("--max-messages-per-second", "0", "--max-bytes-per-second", "0")
    edge_options = ("--max-output-total", "4MiB", "--max-output", "2MiB", "--soft-output", "2MiB",
                    "--heartbeat-interval", "0")

    async def stuck(self, edge, room):
        """A client that joins and never reads."""
        plug = socket.socket()
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plug.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plug, ("127.0.0.1", edge.port))
        raw = Raw(*await asyncio.open_connection(sock=plug, limit=1024))
        await raw.send(handshake("/ws?token=" + self.new("stuck"))
                       + frame(1, b'{"type":"join","room":"%s"}' % room.encode()))
        raw.writer.transport.pause_reading()
        return raw

    async def test_when_all_output_is_too_much_the_slowest_pay_and_readers_get_everything(self):
        edge, room = self.cluster.edges[0], self.new()
        total = 'splitrail_edge_slow_closes_total{limit="total"}'
        hard = 'splitrail_edge_slow_closes_total{limit="hard"}'
        stuck = [await self.stuck(edge, room) for _ in range(10)]
        talker, listener = await self.client(edge=1), await self.client(edge=0)
        await talker.ok("join", room=room)
        await listener.ok("join", room=room)
        await eventually(lambda: self.cluster.ctl("presence", "room", room)["total"] == 12, "all in")
        sent = peak = 0
        while edge.metrics()[total] == 0:
            self.assertLess(sent, 2000, "nobody is ever closed")
            await talker.ok("room_message", room=room, payload="x" * 30000, echo=False)
            peak = max(peak, edge.metrics()["splitrail_edge_output_bytes"])
            sent += 1
        metrics = edge.metrics()
        self.assertEqual(metrics[hard], 0)
        self.assertLess(metrics[total], 10)
        self.assertLess(peak, 5 << 20)
        got = await listener.settled("room_message", roomId=room)
        self.assertEqual([m["offset"] for m in got], list(range(1, sent + 1)))
        for raw in stuck:
            raw.writer.transport.abort()


class Doors(ClusterCase):
    """Each test has the address for itself: those of another one are gone."""
    edges = 1
    edge_options = ("--max-connections-per-ip", "3", "--allowed-origins", "https://good.example",
                    "--handshake-timeout", "300ms")

    async def asyncSetUp(self):
        await super().asyncSetUp()
        await eventually(lambda: not any(
            value for name, value in self.cluster.edges[0].metrics().items()
            if name.startswith("splitrail_edge_connections{")), "all are gone")

    async def test_a_fourth_connection_of_an_address_is_refused_with_429(self):
        clients = [await self.client() for _ in range(3)]
        with self.assertRaises(websockets.InvalidStatusCode) as caught:
            await Client.connect(self.cluster.edges[0], "x")
        self.assertEqual(caught.exception.status_code, 429)
        await clients[0].close()

        async def comes_in():
            while True:
                try:
                    return await self.client()
                except websockets.InvalidStatusCode as refused:
                    self.assertEqual(refused.status_code, 429)
        await asyncio.wait_for(comes_in(), PATIENCE_S)

    async def test_a_foreign_origin_is_refused_with_403(self):
        with self.assertRaises(websockets.InvalidStatusCode) as caught:
            await Client.connect(self.cluster.edges[0], "x", origin="https://evil.example")
        self.assertEqual(caught.exception.status_code, 403)
        await self.client(origin="https://good.example")

    async def test_a_handshake_that_never_ends_is_ended(self):
        raw = await Raw.open(self.cluster.edges[0].port)
        await raw.send(handshake()[:-2])
        await raw.rest()
        raw.end()


class FewSlots(ClusterCase):
    edges = 1
    edge_options = ("--max-connections", "2")

    async def test_a_full_edge_answers_503_with_retry_after(self):
        _ = [await self.client() for _ in range(2)]
        raw = await Raw.open(self.cluster.edges[0].port)
        await raw.send(handshake())
        head = await raw.head()
        self.assertTrue(head.startswith(b"HTTP/1.1 503 "), head)
        self.assertIn(b"retry-after:", head.lower())
        raw.end()


class Heartbeat(ClusterCase):
    edges = 1
    # The good client needs its time, too.
    edge_options = ("--heartbeat-interval", "300ms", "--heartbeat-timeout", "3s")

    async def test_a_client_that_answers_no_ping_is_closed_with_3012(self):
        good = await self.client()
        silent = await Raw.upgraded(self.cluster.edges[0], "/ws?token=silent")
        self.assertEqual(await silent.close_code(), 3012)
        await good.ok("ping")
        await eventually(lambda: self.cluster.edges[0].metrics()["ws_heartbeat_latency_ms_count"] >= 1,
                         "the good one's pong")
        silent.end()


class UserLimit(ClusterCase):
    router_options = ("--max-connections-per-user", "2")

    async def test_a_third_connection_of_a_user_is_closed_with_4004(self):
        for i in range(2):
            await self.client("limited", edge=i)
        third = await Client.connect(self.cluster.edges[0], "limited", welcome=False)
        self.assertEqual((await third.closed())[0], 4004)


class KickOldest(ClusterCase):
    router_options = ("--max-connections-per-user", "2", "--on-user-limit", "kick_oldest")

    async def test_the_oldest_connection_makes_room_with_4004(self):
        first, second, third = [await self.client("limited", edge=i % 2) for i in range(3)]
        self.assertEqual((await first.closed())[0], 4004)
        await second.ok("ping")
        await third.ok("ping")


class RatesOfUsers(ClusterCase):
    """One user, six devices, three edges, one rate."""
    edges = 3
    RATE = 40
    router_options = ("--max-messages-per-second", "0", "--max-bytes-per-second", "0", "--max-denials", "0",
                      "--max-messages-per-second-per-user", str(RATE), "--rebuild-window", "300ms")

    def read_by_edges(self):
        return sum(edge.metrics()['ws_messages_received_total{server_id="%s",type="text"}' % edge.id]
                   for edge in self.cluster.edges)

    async def flood(self, devices, room, seconds):
        """Each device says something every 5 ms, and at the end all have enough to say to use up what is
        allowed. How long that took at least and at most for the edges, by whose clocks it counts."""
        before = self.read_by_edges()
        began = time.monotonic()
        await devices[0].ok("room_message", room=room, payload="first")
        first = time.monotonic()

        async def one(device):
            said = 0
            while time.monotonic() - first < seconds:
                await device.send("room_message", room=room, payload=said)
                said += 1
                await asyncio.sleep(0.005)
            last = time.monotonic()
            for _ in range(self.RATE):
                await device.send("room_message", room=room, payload="last")
            return said + self.RATE, last
        each = await asyncio.gather(*(one(device) for device in devices))
        said = 1 + sum(count for count, _ in each)
        await eventually(lambda: self.read_by_edges() == before + said, "the edges have read it all")
        return min(last for _, last in each) - first, time.monotonic() - began

    def lost_by_pauses(self, heard):
        """What more would have been allowed, had the programs not stood still for more than what can
        be saved up, which is a second's worth."""
        times = [m["timestamp"] / 1000 for m in heard]
        return sum(max(0, after - before - 1) * self.RATE for before, after in zip(times, times[1:]))

    async def start(self):
        room, name = self.new(), self.new("loud")
        devices = [await self.client(name, edge=i % 3) for i in range(6)]
        other = await self.client(edge=1)
        for client in (other, *devices):
            await client.ok("join", room=room)
        await asyncio.sleep(1.1)  # the joins are paid
        return room, devices, other

    async def test_the_devices_of_a_user_get_what_one_would(self):
        room, devices, other = await self.start()
        least, most = await self.flood(devices, room, 2)
        error = await devices[3].expect("error")
        heard = await other.settled("room_message", roomId=room)
        self.assertLessEqual(len(heard), self.RATE + self.RATE * most + 1)
        self.assertGreaterEqual(len(heard), self.RATE + self.RATE * least - 1 - self.RATE * 0.1 -
                                self.lost_by_pauses(heard))
        self.assertEqual(error["code"], "message_rate_exceeded")
        self.assertIn("all your devices", error["error"])
        self.assertGreater(error["retryAfterMs"], 0)
        metrics = self.cluster.metrics()
        self.assertGreater(metrics['splitrail_router_rate_limited_total{reason="user_messages"}'], 0)

    async def test_a_killed_router_gives_nobody_a_second_allowance(self):
        """Nor a part of one: what was spent comes back from the edges."""
        for outage in 0, 0.5:
            with self.subTest(outage=outage):
                room, devices, other = await self.start()
                flood = asyncio.create_task(self.flood(devices, room, 3))
                await asyncio.sleep(1.5)
                self.cluster.router.kill()
                await asyncio.sleep(outage)
                self.cluster.start_router()
                _, most = await flood
                await self.cluster.ready()
                got = len(await other.settled("room_message", roomId=room))
                self.assertLessEqual(got, self.RATE + self.RATE * most + 1)
                self.assertGreaterEqual(got, self.RATE * 2)

    async def test_who_stays_well_below_the_rate_loses_nothing_over_a_killed_router(self):
        """What edges held meanwhile comes all at once, one edge after the other."""
        room, devices, other = await self.start()

        answers = []

        async def say(n):
            answers.append(await devices[n % 6].reply("room_message", room=room, payload=n))

        async def talk():
            said = []
            for n in range(60):
                said.append(asyncio.create_task(say(n)))
                await asyncio.sleep(2 / self.RATE)
                while len(said) - len(answers) > self.RATE // 2:  # a long outage saves up no more than that
                    await asyncio.sleep(2 / self.RATE)
            await asyncio.gather(*said)
        talking = asyncio.create_task(talk())
        await asyncio.sleep(0.8)
        self.cluster.router.kill()
        await asyncio.sleep(0.5)
        self.cluster.start_router()
        await talking
        self.assertEqual([answer["type"] for answer in answers], ["ok"] * 60)
        got = [m["payload"] for m in await other.settled("room_message", roomId=room)]
        self.assertEqual(sorted(got), list(range(60)))


class ConnectionsOfUsers(ClusterCase):
    edges = 3
    router_options = ("--max-connections-per-user", "3", "--on-user-limit", "kick_oldest")

    async def test_the_oldest_of_all_edges_goes(self):
        name = self.new("many")
        clients = [await self.client(name, edge=i % 3) for i in range(5)]
        self.assertEqual((await clients[0].closed())[0], 4004)
        self.assertEqual((await clients[1].closed())[0], 4004)
        for client in clients[2:]:
            await client.ok("ping")


class ConnectionsOfAddresses(ClusterCase):
    edges = 3
    router_options = ("--max-connections-per-ip", "4", "--presence-grace", "100ms")

    async def test_an_address_has_so_many_connections_at_all_edges_together(self):
        clients = [await self.client(edge=i % 3) for i in range(4)]
        one_more = await Client.connect(self.cluster.edges[1], "more", welcome=False)
        self.assertEqual(await one_more.closed(), (1008, "Connection limit of this address"))
        await clients[2].close()
        # Its edge tells the router, and another edge's news may be there before.
        await eventually(lambda: self.cluster.metrics()["splitrail_router_connections"] == 3, "one has left")
        await self.client(edge=0)
        metrics = self.cluster.metrics()
        self.assertEqual(metrics['splitrail_router_connections_refused_total{reason="address_limit"}'], 1)


if __name__ == "__main__":
    unittest.main()
