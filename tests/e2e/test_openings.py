"""From accept to the end of the request head: limits and their order, slow clients, and resets in
every state of a connection, over TLS and plainly, beside a bystander."""

import asyncio
import contextlib
import os
import select
import signal
import socket
import ssl
import struct
import time
import unittest

from clients import Client, Raw, TlsClusterCase, frame, handshake
from cluster import PATIENCE_S, bearable, eventually

PATIENT_ROUTER = ("--edge-dead", "20s")  # an edge that has so many to see may be late


class OpeningCase(TlsClusterCase):
    """One edge with both ports."""
    edges = 1
    router_options = PATIENT_ROUTER

    @property
    def edge(self):
        return self.cluster.edges[0]

    @property
    def ports(self):
        return self.edge.port, self.edge.tls_port

    async def secure(self):
        return await self.client(ssl=self.certificate.context())

    def refused(self, reason):
        return self.edge.metrics()['splitrail_edge_refused_total{reason="%s"}' % reason]

    def in_state(self, state):
        return self.edge.metrics()['splitrail_edge_connections{state="%s"}' % state]

    def tls_metrics(self):
        return {k: v for k, v in self.edge.metrics().items() if "_edge_tls_" in k}

    def hello(self):
        """The first flight of a TLS client, and the client."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.certificate.context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        with self.assertRaises(ssl.SSLWantReadError):
            client.do_handshake()
        return outgoing.read(), client, incoming, outgoing


class Crowd(OpeningCase):
    """More unfinished openings than may be: the oldest go."""
    edge_options = ("--max-handshakes", "20", "--handshake-timeout", "10m")

    async def come_in(self, secure, oldest):
        """A new client, while the oldest opening pays for its place."""
        if secure:
            await (await self.secure()).ok("ping")
            await oldest.rest()
            return
        # Its request comes later: one that is there at once needs no place.
        raw = await Raw.open(self.edge.port)
        await oldest.rest()
        await raw.send(handshake())
        self.assertIn(b" 101 ", await raw.head())
        raw.end()

    async def test_the_oldest_is_closed_and_everybody_else_gets_in(self):
        hello = self.hello()[0]
        rows = [(self.edge.port, b""), (self.edge.port, handshake()[:-2]), (self.edge.tls_port, b""),
                (self.edge.tls_port, hello[:50]), (self.edge.tls_port, hello)]
        before = self.refused("handshakes")
        stays = await self.secure(), await self.client()
        raws = []
        for n in range(20):
            port, data = rows[n % len(rows)]
            raws.append(await Raw.open(port))
            await raws[-1].send(data)
            await eventually(lambda: self.in_state("handshake") == n + 1, "it is accepted")
        self.assertEqual(self.refused("handshakes"), before)
        for n in range(10):  # each new client needs one place, and the oldest pays for it
            await self.come_in(secure=n % 2, oldest=raws[n])
            self.assertEqual(self.refused("handshakes"), before + 1 + n)
            raws.append(await Raw.open(self.edge.port))
            await eventually(lambda: self.in_state("handshake") == 20, "it is accepted")
        self.assertEqual([raw.reader.at_eof() for raw in raws[10:20]], [False] * 10)
        self.assertIn("address=127.0.0.1", self.edge.program.find("handshake.limit"))
        for client in stays:
            await client.ok("ping")
        for raw in raws:
            raw.end()
        await eventually(lambda: self.in_state("handshake") == 0, "all are gone")

    async def test_a_crowd_of_thousands_only_pushes_out_itself(self):
        bystander = await self.secure()
        hello = self.hello()[0]
        fds = len(os.listdir("/proc/%d/fd" % self.edge.program.pid))
        raws = []
        for n in range(1000):
            raws.append(await Raw.open(self.ports[n % 2]))
            await raws[-1].send((hello if n % 2 else handshake())[:n % 150])
            if n % 50 == 0:
                await bystander.ok("ping")
                await (await self.secure()).ok("ping")
                self.assertLessEqual(self.in_state("handshake"), 20)
        now = len(os.listdir("/proc/%d/fd" % self.edge.program.pid))
        self.assertLessEqual(now, fds + 20 + 20 + 5)  # the clients above, too
        for raw in raws:
            raw.end()
        await eventually(lambda: self.in_state("handshake") == 0, "all are gone")


class Turns(OpeningCase):
    """Openings wait for each other, and who is open waits for none of them."""

    async def asyncSetUp(self):
        await super().asyncSetUp()
        await eventually(lambda: self.in_state("handshake") == 0, "those of another test are gone")

    async def open_all(self, port, count):
        """Sockets that the edge has accepted, closed at the end of the test."""
        sockets = []
        for _ in range(count):
            sockets.append(socket.create_connection(("127.0.0.1", port), PATIENCE_S))
            self.addCleanup(sockets[-1].close)
        await eventually(lambda: self.in_state("handshake") == count, "all are accepted")
        return sockets

    @contextlib.contextmanager
    def stopped(self):
        """The edge finds all that happens meanwhile in one turn of its loop."""
        self.edge.program.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.edge.program.send_signal(signal.SIGCONT)

    async def served_before(self, openings, request):
        """How many openings are answered before an open client, when all have asked at once."""
        bystander = socket.create_connection(("127.0.0.1", self.edge.port), PATIENCE_S)
        self.addCleanup(bystander.close)
        bystander.sendall(handshake())
        heard = b""
        while b"routing_token" not in heard:
            heard += await asyncio.to_thread(bystander.recv, 1 << 16)
        everybody = [*openings, bystander]
        with select.epoll() as order:  # gives them in the order in which they became readable
            with self.stopped():
                for each in openings:
                    each.sendall(request)
                bystander.sendall(frame(9, b"here"))
                for each in everybody:
                    order.register(each, select.EPOLLIN)
            await eventually(lambda: self.all_readable(everybody), "all are answered")
            found = [fd for fd, _ in order.poll(0, len(everybody))]
        self.assertEqual(len(found), len(everybody))
        return found.index(bystander.fileno())

    @staticmethod
    def all_readable(sockets):
        poll = select.poll()
        for each in sockets:
            poll.register(each, select.POLLIN)
        return len(poll.poll(0)) == len(sockets)

    async def test_an_open_client_is_answered_before_a_crowd_of_tls_handshakes(self):
        openings = await self.open_all(self.edge.tls_port, 200)
        self.assertLess(await self.served_before(openings, self.hello()[0]), 50)

    async def test_an_open_client_is_answered_before_a_crowd_of_plain_requests(self):
        openings = await self.open_all(self.edge.port, 400)
        self.assertLess(await self.served_before(openings, handshake()), 300)

    async def test_who_goes_while_waiting_for_its_turn_is_gone(self):
        openings = await self.open_all(self.edge.tls_port, 200)
        hello = self.hello()[0]
        with self.stopped():
            for n, each in enumerate(openings):
                each.sendall(hello)
                if n % 2:
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    each.close()
        await eventually(lambda: self.in_state("handshake") == 100, "those who reset are gone")
        await (await self.secure()).ok("ping")


class FullOfOpenings(OpeningCase):
    """Openings that never end do not keep others out of a full edge."""
    edge_options = ("--max-connections", "4", "--handshake-timeout", "10m")

    async def test_a_place_is_taken_from_the_oldest_opening(self):
        start = time.monotonic()
        raws = []
        for n in range(4):
            raws.append(await Raw.open(self.ports[n % 2]))
            await eventually(lambda: self.in_state("handshake") == n + 1, "it is accepted")
        while True:
            try:
                client = await Client.connect(self.edge, self.new("u"))
                break
            except Exception as refused:
                self.assertEqual(getattr(refused, "status_code", None), 503, refused)
                self.assertLess(time.monotonic() - start, PATIENCE_S)
                await asyncio.sleep(0.1)
        self.clients.append(client)
        self.assertGreater(time.monotonic() - start, 0.9)  # honest openings are not pushed out
        self.assertEqual(await raws[0].rest(), b"")
        self.assertEqual(self.refused("handshakes"), 1)
        for raw in raws:
            raw.end()


class OrderAtTheDoor(OpeningCase):
    edge_options = ("--max-connections-per-ip", "2")

    async def asyncSetUp(self):
        await super().asyncSetUp()
        await eventually(lambda: not any(
            value for name, value in self.edge.metrics().items()
            if name.startswith("splitrail_edge_connections{")), "those of another test are gone")

    async def test_the_limit_per_address_comes_before_tls(self):
        _ = [await self.secure() for _ in range(2)]
        before, refused = self.tls_metrics(), self.refused("per_ip")
        for _ in range(5):
            with self.assertRaises((ssl.SSLError, OSError)):
                await Client.connect(self.edge, "x", ssl=self.certificate.context())
        self.assertEqual(self.refused("per_ip"), refused + 5)
        self.assertEqual(self.tls_metrics(), before)

    async def test_a_request_that_comes_after_the_refusal_does_not_destroy_it(self):
        """RST over bytes that arrive at a closed socket: the rest cannot be sent, or the answer is
        gone (RFC 9112 section 9.6)."""
        _ = [await self.client() for _ in range(2)]
        request, refused = handshake(), self.refused("per_ip")
        for cut in range(0, len(request) - 3, 7):
            with socket.create_connection(("127.0.0.1", self.edge.port)) as late:
                late.settimeout(PATIENCE_S)
                late.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                late.sendall(request[:cut])
                self.assertTrue(select.select([late], [], [], PATIENCE_S)[0])  # the answer is here
                for at in range(cut, len(request), 20):
                    late.sendall(request[at:at + 20])
                answer = b"".join(iter(lambda: late.recv(4096), b""))
            self.assertTrue(answer.startswith(b"HTTP/1.1 429 "), answer)
            self.assertTrue(answer.endswith(b"too many connections from this address\n"), answer)
            refused += 1
        await eventually(lambda: self.refused("per_ip") == refused, "all are counted")

    async def test_whoever_is_refused_and_stays_holds_few_descriptors_for_a_moment(self):
        _ = [await self.client() for _ in range(2)]

        def descriptors():
            return len(os.listdir("/proc/%d/fd" % self.edge.program.pid))
        before, refused = descriptors(), self.refused("per_ip")
        raws = [await Raw.open(self.edge.port) for _ in range(100)]
        await eventually(lambda: self.refused("per_ip") == refused + 100, "they are refused")
        self.assertLessEqual(descriptors(), before + 16 + 3)
        await eventually(lambda: descriptors() <= before + 3, "all are closed")
        for raw in raws:
            self.assertTrue((await raw.rest()).startswith(b"HTTP/1.1 429 "))
            raw.end()


class Descriptors(OpeningCase):
    async def test_there_is_room_for_many_before_the_first_comes(self):
        """Enlarging the table on the way would stop the edge for 10 ms and more each time."""
        with open("/proc/%d/limits" % self.edge.program.pid, encoding="ascii") as limits:
            most = next(int(line.split()[4]) for line in limits if "Max open files" in line)
        with open("/proc/%d/status" % self.edge.program.pid, encoding="ascii") as status:
            room = next(int(line.split()[1]) for line in status if "FDSize" in line)
        self.assertGreaterEqual(room, min(most, 65536))


class LongHellos(OpeningCase):
    def records(self, message, size):
        """The message in TLS records of so many bytes (RFC 8446 section 5.1)."""
        parts = [message[at:at + size] for at in range(0, len(message), size)]
        return b"".join(b"\x16\x03\x01" + struct.pack("!H", len(part)) + part for part in parts)

    async def test_a_hello_in_small_records_is_a_hello(self):
        for size in (1, 3, 50, 400):
            hello, client, incoming, outgoing = self.hello()
            raw = await Raw.open(self.edge.tls_port)
            await raw.send(self.records(hello[5:], size))
            while True:
                incoming.write(await asyncio.wait_for(raw.reader.read(1 << 16), PATIENCE_S))
                try:
                    client.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    pass
            self.assertIn("TLS", client.version())
            raw.end()

    async def test_a_hello_without_end_is_ended(self):
        bystander = await self.secure()
        hello = b"\x01" + struct.pack("!I", 131000)[1:] + b"\x03\x03" + bytes(131000 - 2)
        for size in (200, 4000, 16384):
            raw = await Raw.open(self.edge.tls_port)
            data = self.records(hello, size)
            for at in range(0, 40000, 5000):
                await raw.send(data[at:at + 5000])
            await raw.rest()
            raw.end()
            await bystander.ok("ping")
        self.assertIn("excessive message size", self.edge.program.find("tls.failed"))


class FullBeforeTls(OpeningCase):
    edge_options = ("--max-connections", "2")

    async def test_a_full_edge_turns_away_before_tls(self):
        _ = [await self.secure() for _ in range(2)]
        before = self.tls_metrics()
        with self.assertRaises((ssl.SSLError, OSError)):
            await Client.connect(self.edge, "x", ssl=self.certificate.context())
        self.assertEqual(self.refused("full"), 1)
        self.assertEqual(self.tls_metrics(), before)


class RateAtTheDoor(OpeningCase):
    edge_options = ("--accept-rate", "10")

    async def test_the_accept_rate_comes_before_tls(self):
        hello = self.hello()[0]
        start = time.monotonic()
        raws = [await Raw.open(self.edge.tls_port) for _ in range(30)]
        for raw in raws:
            await raw.send(hello)
        answered = 0
        for raw in raws:
            self.assertNotEqual(await asyncio.wait_for(raw.reader.read(5), PATIENCE_S), b"")
            answered += 1
            allowed = 10 + 10 * (time.monotonic() - start) + 10
            self.assertLessEqual(answered, allowed)
        self.assertGreater(time.monotonic() - start, 1.0)
        pauses = self.edge.metrics()['splitrail_edge_accept_pauses_total{reason="rate"}']
        self.assertGreaterEqual(pauses, 1)
        for raw in raws:
            raw.end()


class Dripping(OpeningCase):
    """Whoever drips would go on for so long, were there no deadline for the whole."""
    TIMEOUT_S, DRIPS_S = 5, 40
    edge_options = ("--handshake-timeout", "%ds" % TIMEOUT_S)

    async def drip(self, raw, data, until):
        """One byte at a time, evenly up to `until`; false when the edge has had enough."""
        for n, byte in enumerate(data):
            await raw.send(bytes([byte]))
            wait = (until - time.monotonic()) / (len(data) - n)
            if wait > 0:
                await asyncio.sleep(wait)
            if raw.reader.at_eof():
                return False
        return True

    async def ended_in_time(self, raw, start):
        await raw.rest()
        self.assertGreater(time.monotonic() - start, self.TIMEOUT_S - 0.2)
        self.assertLess(time.monotonic() - start, self.DRIPS_S - 10)
        raw.end()

    async def test_a_slow_request_is_ended_at_the_deadline(self):
        start = time.monotonic()
        raw = await Raw.open(self.edge.port)
        before = self.refused("timeout")
        reader = asyncio.create_task(self.ended_in_time(raw, start))
        await self.drip(raw, handshake()[:-1], start + self.DRIPS_S)
        await reader
        await eventually(lambda: self.refused("timeout") == before + 1, "it is counted")

    async def test_tls_and_request_share_one_deadline_that_starts_at_accept(self):
        start = time.monotonic()
        raw = await Raw.open(self.edge.tls_port)
        before = self.refused("timeout")
        hello, client, incoming, outgoing = self.hello()
        self.assertTrue(await self.drip(raw, hello, start + 1))
        while True:  # neither half alone would be too long
            incoming.write(await asyncio.wait_for(raw.reader.read(4096), PATIENCE_S))
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                pass
        self.assertTrue(await self.drip(raw, outgoing.read(), start + 2))
        reader = asyncio.create_task(self.ended_in_time(raw, start))
        for byte in handshake()[:-1]:
            client.write(bytes([byte]))
            await raw.send(outgoing.read())
            await asyncio.sleep(self.DRIPS_S / 200)
            if reader.done():
                break
        await reader
        await eventually(lambda: self.refused("timeout") == before + 1, "it is counted")
        resumed = 'splitrail_edge_tls_handshakes_total{kind="full"}'
        self.assertGreaterEqual(self.edge.metrics()[resumed], 1)


class Resets(OpeningCase):
    """RST in every state; the bystander talks on, and nothing is left behind."""
    router_options = ("--max-messages-per-second", "0", "--max-bytes-per-second", "0", *PATIENT_ROUTER)
    edge_options = ("--max-output", "512KiB", "--soft-output", "256KiB")
    rounds = 8

    def connect(self, secure):
        """Blocking; with `secure` the TLS handshake is done."""
        plug = socket.socket()
        plug.settimeout(PATIENCE_S)
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plug.connect(("127.0.0.1", self.edge.tls_port if secure else self.edge.port))
        if not secure:
            return plug
        return self.certificate.context().wrap_socket(plug, server_hostname="localhost")

    def upgraded(self, secure):
        plug = self.connect(secure)
        plug.sendall(handshake("/ws?token=" + self.new("u")))
        heard = b""
        while b'"welcome"' not in heard:
            heard += plug.recv(4096)
        return plug

    @staticmethod
    def reset(plug):
        """Closes with RST; for TLS without its goodbye."""
        fd = plug.detach()
        with socket.socket(fileno=fd) as bare:
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    # Each gives a socket that is ready to be reset.
    def after_accept(self, secure):
        plug = socket.create_connection(("127.0.0.1", self.ports[secure]), PATIENCE_S)
        return plug

    def in_the_hello(self, _):
        plug = self.after_accept(True)
        plug.sendall(self.hello()[0][:self.turn * 40 + 1])
        return plug

    def in_the_tls_handshake(self, _):
        plug = self.after_accept(True)
        plug.sendall(self.hello()[0])
        self.assertNotEqual(plug.recv(4096), b"")
        return plug

    def in_the_head(self, secure):
        plug = self.connect(secure)
        plug.sendall(handshake()[:self.turn * 20 + 1])
        return plug

    def after_the_head(self, secure):
        plug = self.connect(secure)
        plug.sendall(handshake("/ws?token=" + self.new("u")))
        return plug

    def after_a_refusal(self, secure):
        plug = self.connect(secure)
        plug.sendall(handshake("/nowhere"))
        self.assertIn(b" 404 ", plug.recv(4096))
        return plug

    def when_open(self, secure):
        return self.upgraded(secure)

    def in_a_frame(self, secure):
        plug = self.upgraded(secure)
        plug.sendall(frame(1, b"x" * 5000)[:self.turn * 300 + 1])
        return plug

    def between_fragments(self, secure):
        plug = self.upgraded(secure)
        plug.sendall(frame(1, b"x" * 5000, fin=False))
        return plug

    def with_output_that_waits(self, secure):
        plug = self.upgraded(secure)
        plug.sendall(frame(1, b'{"type":"join","room":"%s"}' % self.flood.encode()))
        return plug

    def in_our_close(self, secure):
        plug = self.upgraded(secure)
        plug.sendall(frame(8, b"\x03\xe8"))
        return plug

    def in_the_edges_close(self, secure):
        plug = self.upgraded(secure)
        plug.sendall(frame(3, b"reserved"))
        while True:
            if plug.recv(4096)[:1] == b"\x88":
                return plug

    STATES = (after_accept, in_the_hello, in_the_tls_handshake, in_the_head, after_the_head,
              after_a_refusal, when_open, in_a_frame, between_fragments, with_output_that_waits,
              in_our_close, in_the_edges_close)

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.edge.program.pid))

    def counts(self):
        metrics = self.edge.metrics()
        names = ["splitrail_edge_output_bytes", "splitrail_edge_memory_bytes"]
        return {k: v for k, v in metrics.items()
                if k.split("{")[0] in names + ["splitrail_edge_connections", "splitrail_edge_groups",
                                               "ws_active_connections", "splitrail_edge_held_frames"]
                and "uplink" not in k}

    async def chatter(self, talker, listener, room):
        """Large messages to the flooded room, small ones in the bystanders' own."""
        count = slowest = 0
        while not self.calm.is_set():
            count += 1
            start = time.monotonic()
            await talker.ok("room_message", room=self.flood, payload="x" * 20000, echo=False)
            await talker.ok("room_message", room=room, payload=count, echo=False)
            await listener.expect("room_message", roomId=room, payload=count, offset=count)
            slowest = max(slowest, time.monotonic() - start)
            await asyncio.sleep(0.02)
        return count, slowest

    async def rage(self, secure):
        for state in self.STATES:
            for turn in range(self.rounds):
                self.turn = turn
                self.reset(await asyncio.to_thread(state, self, secure))

    async def test_a_reset_in_any_state_disturbs_nobody_and_leaves_nothing(self):
        room, self.flood = self.new(), self.new("flood")
        talker, listener = await self.client(), await self.secure()
        await talker.ok("join", room=room)
        await listener.ok("join", room=room)
        await talker.ok("join", room=self.flood)
        await eventually(lambda: self.counts()["splitrail_edge_held_frames"] == 0, "quiet")
        before, fds = self.counts(), self.descriptors()
        self.calm = asyncio.Event()
        bystander = asyncio.create_task(self.chatter(talker, listener, room))
        for secure in False, True:
            await self.rage(secure)
        self.calm.set()
        count, slowest = await bystander
        self.assertGreater(count, 5)
        self.assertLess(slowest, bearable(15))
        for client in talker, listener:
            await client.ok("ping")
            self.assertEqual(client.heard("error"), [])
        await eventually(lambda: self.counts() == before, "all counts are as before: %s" % before)
        await eventually(lambda: self.descriptors() <= fds + 1, "only the metrics' reader has one more")


class PausedEdge(OpeningCase):
    """All that happened while the edge could not look: it finds only the end."""

    async def test_a_client_that_was_reset_before_accept_is_nobody(self):
        bystander = await self.secure()
        self.edge.program.send_signal(signal.SIGSTOP)
        try:
            for port in self.ports:
                for data in b"", b"\x16", self.hello()[0], handshake():
                    plug = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
                    plug.sendall(data)
                    Resets.reset(plug)
        finally:
            self.edge.program.send_signal(signal.SIGCONT)
        await bystander.ok("ping")
        await eventually(lambda: self.in_state("handshake") == 0 and self.in_state("open") == 1,
                         "only the bystander is left")


if __name__ == "__main__":
    unittest.main()
