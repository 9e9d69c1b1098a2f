"""Clients for the tests: one on python3-websockets, one on a bare socket for what no library says."""

import asyncio
import base64
import itertools
import json
import os
import struct
import unittest

import websockets

from cluster import PATIENCE_S, Certificate, Cluster


class Client:
    """A well-behaved client. Everything heard waits in `inbox`, in order, until it is expected."""

    def __init__(self, socket):
        self.socket = socket
        self.inbox = []  # (message, raw text)
        self.changed = asyncio.Condition()
        self.numbers = itertools.count(1)
        self.ended = False
        self.reader = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, edge, token=None, path="", welcome=True, **options):
        """`edge` may also be a URL; with the option `ssl` its TLS port is meant."""
        url = edge if isinstance(edge, str) else edge.tls_url if "ssl" in options else edge.url
        url += path
        if token is not None:
            url += ("&" if "?" in url else "?") + "token=" + token
        options.setdefault("compression", None)
        options.setdefault("ping_interval", None)
        options.setdefault("max_size", 1 << 22)
        options.setdefault("open_timeout", PATIENCE_S)
        options.setdefault("close_timeout", PATIENCE_S)
        client = cls(await websockets.connect(url, **options))
        if welcome:
            client.welcome = await client.expect("welcome")
            client.id = client.welcome["connectionId"]
            client.user = client.welcome["userId"]
        return client

    async def _read(self):
        try:
            async for raw in self.socket:
                async with self.changed:
                    self.inbox.append((json.loads(raw), raw))
                    self.changed.notify_all()
        except websockets.ConnectionClosed:
            pass
        async with self.changed:
            self.ended = True
            self.changed.notify_all()

    async def send(self, type_, **fields):
        await self.socket.send(json.dumps({"type": type_, **fields}))

    async def send_raw(self, text):
        await self.socket.send(text)

    def _take(self, type_, fields):
        for i, (message, raw) in enumerate(self.inbox):
            if message.get("type") == type_ and all(
                    message.get(k) == v for k, v in fields.items()):
                del self.inbox[i]
                return message, raw
        return None

    async def expect_raw(self, type_, timeout=PATIENCE_S, **fields):
        """The first heard message of that type and those fields, with its text."""
        async def found():
            async with self.changed:
                while True:
                    got = self._take(type_, fields)
                    if got:
                        return got
                    if self.ended:
                        raise AssertionError("closed with %s while waiting for %s %s" % (
                            self.socket.close_code, type_, fields))
                    await self.changed.wait()
        try:
            return await asyncio.wait_for(found(), timeout)
        except asyncio.TimeoutError:
            raise AssertionError("no %s %s; heard %s" % (type_, fields, self.heard())) from None

    async def expect(self, type_, timeout=PATIENCE_S, **fields):
        return (await self.expect_raw(type_, timeout, **fields))[0]

    async def reply(self, type_, **fields):
        """Sends a command with an id; its one answer, ok or not."""
        number = next(self.numbers)
        await self.send(type_, id=number, **fields)
        async def answered():
            async with self.changed:
                while True:
                    for i, (message, _) in enumerate(self.inbox):
                        if message.get("id") == number:
                            del self.inbox[i]
                            return message
                    if self.ended:
                        raise AssertionError("closed with %s before the answer to %s" % (
                            self.socket.close_code, type_))
                    await self.changed.wait()
        try:
            return await asyncio.wait_for(answered(), PATIENCE_S)
        except asyncio.TimeoutError:
            raise AssertionError("no answer to %s %s; heard %s" % (type_, fields, self.heard())) from None

    async def ok(self, type_, **fields):
        answer = await self.reply(type_, **fields)
        if answer.get("type") not in ("ok", "pong"):
            raise AssertionError("%s %s was answered %s" % (type_, fields, answer))
        return answer

    async def error(self, type_, **fields):
        answer = await self.reply(type_, **fields)
        if answer.get("type") != "error":
            raise AssertionError("%s %s was answered %s" % (type_, fields, answer))
        return answer

    def heard(self, type_=None):
        """What waits in the inbox."""
        return [m for m, _ in self.inbox if type_ is None or m.get("type") == type_]

    async def settled(self, type_=None, **fields):
        """What was heard of that type, after a round trip through the router: what the router sent
        to this client before is there now, so an absence is one."""
        await self.ok("ping")
        return [m for m in self.heard(type_) if all(m.get(k) == v for k, v in fields.items())]

    async def closed(self, timeout=PATIENCE_S):
        """(code, reason) of the end, awaited."""
        await asyncio.wait_for(asyncio.shield(self.reader), timeout)
        return self.socket.close_code, self.socket.close_reason

    async def close(self):
        await self.socket.close()
        await self.reader

    def abort(self):
        """Vanishes without a close frame."""
        self.socket.transport.abort()


HANDSHAKE = ("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{more}\r\n")


def handshake(path="/ws?token=raw", more="", key=None):
    key = key or base64.b64encode(os.urandom(16)).decode()
    return HANDSHAKE.format(path=path, key=key, more=more).encode()


def frame(opcode, payload=b"", fin=True, masked=True, rsv=0, length=None, mask=b"\x12\x34\x56\x78"):
    """One frame; `length` overrides the length field, with the form that it needs."""
    n = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0x80 if masked else 0
    if n < 126:
        head += bytes([bit | n])
    elif n < 1 << 16:
        head += bytes([bit | 126]) + struct.pack(">H", n)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", n)
    if masked:
        head += mask
        payload = bytes(b ^ mask[i & 3] for i, b in enumerate(payload))
    return head + payload


class Raw:
    """A socket that says exactly the bytes it is given."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port):
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    @classmethod
    async def upgraded(cls, edge, path="/ws?token=raw"):
        raw = await cls.open(edge.port)
        await raw.send(handshake(path))
        head = await raw.head()
        if b" 101 " not in head:
            raise AssertionError("no upgrade: %r" % head)
        return raw

    async def send(self, data):
        """Writes; that the peer may be gone already is no error here."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            pass

    async def head(self):
        """An HTTP answer's head."""
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE_S)

    async def rest(self):
        """All bytes until the peer ends the connection."""
        data = b""
        try:
            while True:
                more = await asyncio.wait_for(self.reader.read(1 << 16), PATIENCE_S)
                if not more:
                    return data
                data += more
        except ConnectionError:
            return data

    async def next_frame(self):
        """(opcode, payload) of one unmasked frame."""
        async def read():
            first, second = await self.reader.readexactly(2)
            n = second & 0x7f
            if n == 126:
                n = struct.unpack(">H", await self.reader.readexactly(2))[0]
            elif n == 127:
                n = struct.unpack(">Q", await self.reader.readexactly(8))[0]
            return first & 0x0f, await self.reader.readexactly(n)
        return await asyncio.wait_for(read(), PATIENCE_S)

    async def next_message(self):
        """The payload of the next frame that is no ping; the first of these comes at any time."""
        opcode, payload = await self.next_frame()
        while opcode == 9:
            opcode, payload = await self.next_frame()
        return payload

    async def close_code(self):
        """Reads frames until the close frame; its code (1005 without one, None without a frame)."""
        try:
            while True:
                opcode, payload = await self.next_frame()
                if opcode == 8:
                    return struct.unpack(">H", payload[:2])[0] if payload else 1005
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def end(self):
        self.writer.close()


class ClusterCase(unittest.IsolatedAsyncioTestCase):
    """Tests over one cluster that lives as long as the class. Names are new in every test."""

    edges = 2
    router_options = ()
    edge_options = ()
    auth = "insecure"
    serial = itertools.count(1)

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(cls.edges, cls.router_options, cls.edge_options, cls.auth)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)  # unittest's default, too slow for 1,000 clients
        self.clients = []

    async def asyncTearDown(self):
        await asyncio.gather(*(c.close() for c in self.clients), return_exceptions=True)
        for program in self.cluster.programs:
            self.assertIsNone(program.trouble())

    def new(self, what="room"):
        return "%s-%d" % (what, next(self.serial))

    async def client(self, token=None, edge=0, **options):
        if isinstance(edge, int):
            edge = self.cluster.edges[edge]
        client = await Client.connect(edge, token or self.new("u"), **options)
        self.clients.append(client)
        return client


class TlsClusterCase(ClusterCase):
    """The same with edges that listen for TLS too."""

    @classmethod
    def setUpClass(cls):
        cls.certificate = Certificate()
        cls.cluster = Cluster(cls.edges, cls.router_options, cls.edge_options, cls.auth,
                              tls=cls.certificate)

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            cls.certificate.remove()


class FreshClusterCase(ClusterCase):
    """The same with a cluster for each test, for tests that break it."""

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.cluster = await asyncio.to_thread(
            Cluster, self.edges, self.router_options, self.edge_options, self.auth)

    async def asyncTearDown(self):
        try:
            await super().asyncTearDown()
        finally:
            await asyncio.to_thread(self.cluster.close)
