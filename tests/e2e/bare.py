"""A WebSocket client of bare sockets and nothing but the standard library, so that no client library
can hide a fault by being polite; and an edge that echoes."""

import base64
import hashlib
import os
import socket
import struct
import time
import zlib

from cluster import PATIENCE_S, Program, free_port, http_get

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
OPEN = None
MIB = 1 << 20
TAIL = b"\x00\x00\xff\xff"
SALAD = "Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!! \u03ba\u03cc\u03c3\u03bc\u03b5 \U0001f600".encode()


def xor(data, mask):
    n = len(data)
    if not n:
        return b""
    key = (mask * (n // 4 + 1))[:n]
    return (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")).to_bytes(n, "big")


def frame(opcode, payload=b"", fin=True, rsv=0, length=None, masked=True, form=None):
    """One frame. `length` overrides the length field; `form` its size (7, 16 or 64 bits)."""
    n = len(payload) if length is None else length
    form = form or (7 if n < 126 else 16 if n < 1 << 16 else 64)
    bit = 0x80 if masked else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    head += {7: lambda: bytes([bit | n]), 16: lambda: bytes([bit | 126]) + struct.pack(">H", n),
             64: lambda: bytes([bit | 127]) + struct.pack(">Q", n)}[form]()
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + xor(payload, mask)


def fragments(opcode, payload, size, rsv=0):
    """One message in fragments of `size` bytes."""
    parts = [payload[i:i + size] for i in range(0, len(payload), size)] or [b""]
    return b"".join(frame(opcode if i == 0 else 0, part, i == len(parts) - 1, rsv if i == 0 else 0)
                    for i, part in enumerate(parts))


def code(number, reason=b""):
    return struct.pack(">H", number) + reason


class Peer:
    """One connection after its opening handshake. `context` is for TLS."""

    def __init__(self, port, extensions=None, receive_buffer=None, context=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.buffer = bytearray()
        key = base64.b64encode(os.urandom(16))
        more = "".join("Sec-WebSocket-Extensions: %s\r\n" % e for e in extensions or [])
        self.socket.sendall(b"GET /ws HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n"
                            + more.encode() + b"\r\n")
        while b"\r\n\r\n" not in self.buffer:
            if not self.fill():
                break
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        self.buffer = bytearray(rest)
        self.status = int(head.split()[1])
        self.headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        if self.status == 101:
            want = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            assert self.headers["Sec-WebSocket-Accept"] == want.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    @property
    def extension(self):
        return self.headers.get("Sec-WebSocket-Extensions")

    def fill(self):
        try:
            more = self.socket.recv(1 << 18)
        except ConnectionError:
            return False
        self.buffer += more
        return bool(more)

    def send(self, data, chop=None):
        """Writes, in pieces of `chop` bytes. That the server may be gone already is no error."""
        try:
            for at in range(0, len(data), chop or len(data) or 1):
                self.socket.sendall(data[at:at + (chop or len(data))])
        except ConnectionError:
            pass

    def take(self, n):
        while len(self.buffer) < n:
            if not self.fill():
                raise EOFError
        data = bytes(self.buffer[:n])
        del self.buffer[:n]
        return data

    def read(self, unpack=lambda data: zlib.decompressobj(-15).decompress(data + TAIL)):
        """(opcode, payload, compressed) of the next frame; ours are never fragmented or masked."""
        first, second = self.take(2)
        assert first & 0x80 and not first & 0x30 and not second & 0x80, (first, second)
        n = second & 0x7F
        if n >= 126:
            n = int.from_bytes(self.take(2 if n == 126 else 8), "big")
            assert n >= (126 if second & 0x7F == 126 else 1 << 16), "not the shortest length"
        payload = self.take(n)
        compressed = bool(first & 0x40)
        if compressed:
            assert self.extension and first & 0x0F in (TEXT, BINARY)
            payload = unpack(payload)
        return first & 0x0F, payload, compressed

    def message(self):
        return self.read()[:2]

    def rest(self):
        """All frames up to the end of the connection."""
        frames = []
        try:
            while True:
                frames.append(self.message())
        except EOFError:
            return frames


def outcome(frames):
    """Frames as (messages and pongs, close code); None for an end without a close frame."""
    for i, (opcode, payload) in enumerate(frames):
        if opcode == CLOSE:
            assert i == len(frames) - 1, "something after the close frame"
            return frames[:i], int.from_bytes(payload[:2], "big") if payload else 1005
    return frames, None


class EchoEdge:
    """splitrail-edge --echo, ready; with TLS too when there is a Certificate."""

    def __init__(self, *options, certificate=None):
        self.port, self.http_port = free_port(), free_port()
        self.tls_port = free_port() if certificate else None
        tls = ["--listen-tls", "127.0.0.1:%d" % self.tls_port, "--tls-cert-file", certificate.cert,
               "--tls-key-file", certificate.key] if certificate else []
        self.program = Program("echo", [
            "splitrail-edge", "--echo", "--id", "echo", "--listen", "127.0.0.1:%d" % self.port,
            "--http-listen", "127.0.0.1:%d" % self.http_port, "--log-level", "error",
            "--heartbeat-interval", "0", "--max-message", "16MiB", *tls, *options])
        end = time.monotonic() + PATIENCE_S
        while not self.ready():
            assert time.monotonic() < end and not self.program.trouble(), self.program.output
            time.sleep(0.02)

    def ready(self):
        try:
            return http_get(self.http_port, "/ready")[0] == 200
        except OSError:
            return False

    def finish(self):
        """What was wrong, or None."""
        return self.program.finish()
