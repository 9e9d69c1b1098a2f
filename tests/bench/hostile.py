#!/usr/bin/python3
"""A well-behaved client beside attackers: how its latency and the edge's memory change.

    SPLITRAIL_BIN=build/release/bin tests/bench/hostile.py [attack ...] [--seconds 5] [--json]

For each attack a fresh cluster (one router, one edge) is started, a client sends a room message
every 10 ms and hears its own echo; the round trips are taken before and during the attack, which
runs in a process of its own. Absolute times depend on the machine: read the ratios. With two cores
a flood also takes the client's own share of the machine, so a control row shows what an equally
busy process that never talks to us does to the same client. With --realtime that share is out of
the picture, and round trips in which the kernel let one of the programs or the client wait for a
processor are not counted ("trips" says how many were): it always keeps a twentieth of each second
for processes without real-time priority.
"""

import argparse
import asyncio
import base64
import glob
import json
import multiprocessing
import os
import resource
import socket
import ssl
import statistics
import struct
import sys
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from clients import Client  # noqa: E402
from cluster import Certificate, Cluster, eventually  # noqa: E402

EVERY_S = 0.01
WAITED_MS = 1.0  # of a round trip, for a processor: then it is the machine's time, not ours

HEAD = ("GET /ws?token=mallory HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n%s\r\n")


def head(extra=""):
    return (HEAD % (base64.b64encode(os.urandom(16)).decode(), extra)).encode()


def frame(opcode, payload, fin=True, rsv1=False):
    """A masked frame; the mask is zero, which costs the receiver the same."""
    first = (0x80 if fin else 0) | (0x40 if rsv1 else 0) | opcode
    if len(payload) < 126:
        size = bytes([0x80 | len(payload)])
    elif len(payload) < 65536:
        size = bytes([0x80 | 126]) + struct.pack("!H", len(payload))
    else:
        size = bytes([0x80 | 127]) + struct.pack("!Q", len(payload))
    return bytes([first]) + size + b"\0\0\0\0" + payload


class Attack:
    """Runs in a process of its own. `target` is (port, TLS port)."""

    def __init__(self, target, stop, ready):
        self.port, self.tls_port = target
        self.stop = stop
        self.ready = ready
        self.sockets = []

    def dial(self, port=None):
        """Many addresses, so that the ports of one do not run out."""
        s = socket.socket()
        s.bind(("127.0.0.%d" % (2 + len(self.sockets) % 200), 0))
        s.connect(("127.0.0.1", port or self.port))
        self.sockets.append(s)
        return s

    def upgraded(self, extra=""):
        s = self.dial()
        s.sendall(head(extra))
        answer = b""
        while b"\r\n\r\n" not in answer:
            got = s.recv(4096)
            if not got:
                raise ConnectionError("no upgrade")
            answer += got
        s.setblocking(False)
        return s

    def idle(self):
        self.ready.set()
        self.stop.wait()

    def push(self, s, data):
        """What the socket takes; False when the server has ended it."""
        try:
            s.send(data)
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def drip(self, per_second_each):
        """A byte to each in turn; what has ended is dialled again by the caller's list."""
        self.ready.set()
        while not self.stop.is_set():
            started = time.monotonic()
            for s in list(self.sockets):
                if not self.push(s, b"x"):
                    s.close()
                    self.sockets.remove(s)
            self.stop.wait(max(0.0, per_second_each - (time.monotonic() - started)))

    def flood(self, count, make, extra="", read=False, first=b""):
        """`count` connections that send make() as fast as it goes; closed ones come again."""
        alive = []
        self.ready.set()
        data = make()
        while not self.stop.is_set():
            while len(alive) < count and not self.stop.is_set():
                try:
                    s = self.upgraded(extra)
                    self.push(s, first)
                except OSError:
                    break
                alive.append([s, memoryview(data)])
            for entry in list(alive):
                s, rest = entry
                try:
                    if read:
                        try:
                            s.recv(1 << 16)
                        except BlockingIOError:
                            pass
                    entry[1] = rest[s.send(rest):]
                    if not entry[1]:
                        entry[1] = memoryview(data)
                except BlockingIOError:
                    pass
                except OSError:
                    s.close()
                    self.sockets.remove(s)
                    alive.remove(entry)

    # ---- the attacks ----

    def nothing(self):
        """No attack: the control."""
        self.idle()

    def busy_neighbour(self):
        """A process that only burns its own processor: what no server can prevent."""
        self.ready.set()
        while not self.stop.is_set():
            sum(range(10000))

    def busy_machine(self):
        """The same with two processes, as many as the measuring machine has processors."""
        second = multiprocessing.Process(target=Attack((0, 0), self.stop, self.ready).busy_neighbour)
        second.start()
        self.busy_neighbour()
        second.join()

    def slowloris_handshake(self):
        """2,000 requests, a byte a second each."""
        for _ in range(2000):
            s = self.dial()
            s.sendall(b"GET /ws HTTP/1.1\r\nX: ")
            s.setblocking(False)
        self.drip(1)

    def slowloris_frames(self):
        """2,000 upgraded connections, a byte a second of a message that never ends."""
        for _ in range(2000):
            s = self.upgraded()
            s.send(frame(1, b"x" * 60000)[:8])
        self.drip(1)

    def half_open(self):
        """10,000 connections that say nothing."""
        for _ in range(10000):
            self.dial()
        self.idle()

    def client_hello(self):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing)
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return outgoing.read()

    def half_open_tls(self):
        """10,000 connections that stop in the TLS handshake, after the ClientHello."""
        hello = self.client_hello()
        for _ in range(10000):
            self.dial(self.tls_port).sendall(hello)
        self.idle()

    def hello_flood(self):
        """Whole ClientHellos on new connections, as fast as it goes; at most 3,000 stay open."""
        hello = self.client_hello()
        self.ready.set()
        while not self.stop.is_set():
            try:
                self.dial(self.tls_port).sendall(hello)
            except OSError:
                self.sockets.pop().close()
            if len(self.sockets) > 3000:
                self.sockets.pop(0).close()

    def tiny_windows(self):
        """500 members of the busy room with the smallest receive buffer, a byte read now and then."""
        for _ in range(500):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            s.bind(("127.0.0.%d" % (2 + len(self.sockets) % 200), 0))
            s.connect(("127.0.0.1", self.port))
            s.sendall(head())
            s.sendall(frame(1, b'{"type":"join","room":"busy"}'))
            s.setblocking(False)
            self.sockets.append(s)
        self.ready.set()
        while not self.stop.is_set():
            for s in self.sockets:
                try:
                    s.recv(1)
                except OSError:
                    pass
            self.stop.wait(0.2)

    def resets(self):
        """Connections that are reset after accept, in the head, after the upgrade, in a frame."""
        self.ready.set()
        hard = struct.pack("ii", 1, 0)
        stages = [b"", b"GET /ws HT", None, frame(1, b"x" * 100)[:50]]
        while not self.stop.is_set():
            for stage in stages:
                s = self.dial()
                if stage is None:
                    s.sendall(head())
                    s.recv(1)
                elif stage[:1] == b"\x81":
                    s.sendall(head() + stage)
                else:
                    s.sendall(stage)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hard)
                s.close()
            self.sockets.clear()

    def mass_resets(self):
        """1,500 open connections that are reset at once, again and again."""
        self.ready.set()
        hard = struct.pack("ii", 1, 0)
        while not self.stop.is_set():
            for _ in range(1500):
                self.upgraded().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hard)
                if self.stop.is_set():
                    break
            while self.sockets:
                self.sockets.pop().close()

    def ping_flood(self):
        """20 connections, pings without pause, pongs never read."""
        self.flood(20, lambda: frame(9, b"") * 10000)

    def ping_flood_read(self):
        """The same, reading the pongs."""
        self.flood(20, lambda: frame(9, b"x" * 100) * 500, read=True)

    def fragment_flood(self):
        """20 connections, a message of empty fragments without end."""
        self.flood(20, lambda: frame(0, b"", fin=False) * 10000,
                   first=frame(1, b"", fin=False))

    def message_flood(self):
        """20 connections, messages far above the rate."""
        text = b'{"type":"room_message","room":"busy","payload":1}'
        self.flood(20, lambda: frame(1, text) * 1000, read=True)

    def large_message_flood(self):
        """20 connections, messages of 60 KB, as fast as it goes."""
        text = b'{"type":"room_message","room":"busy","payload":"' + b"x" * 60000 + b'"}'
        self.flood(20, lambda: frame(1, text) * 20, read=True)

    def zip_bombs(self):
        """20 connections, 16 MiB of zeros in 16 KiB, again and again."""
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = deflate.compress(bytes(16 << 20)) + deflate.flush(zlib.Z_SYNC_FLUSH)
        self.flood(20, lambda: frame(2, bomb[:-4], rsv1=True),
                   extra="Sec-WebSocket-Extensions: permessage-deflate\r\n", read=True)

    def zip_messages(self):
        """20 connections, messages of permitted size that were 60 KB before compression, far above
        the rate."""
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        text = b'{"type":"room_message","room":"busy","payload":"' + b"x" * 60000 + b'"}'
        packed = deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH)
        self.flood(20, lambda: frame(1, packed[:-4], rsv1=True) * 100,
                   extra="Sec-WebSocket-Extensions: permessage-deflate\r\n", read=True)

    def zip_nothing(self):
        """The same with messages that no rule of the router looks into."""
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = deflate.compress(b" " * 60000 + b"1") + deflate.flush(zlib.Z_SYNC_FLUSH)
        self.flood(20, lambda: frame(1, packed[:-4], rsv1=True) * 100,
                   extra="Sec-WebSocket-Extensions: permessage-deflate\r\n", read=True)

    def zip_endless(self):
        """20 connections, one message each of fragments that inflate to nothing, without end."""
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        part = deflate.compress(b"") + deflate.flush(zlib.Z_SYNC_FLUSH)
        self.flood(20, lambda: frame(0, part * 400, fin=False) * 10,
                   extra="Sec-WebSocket-Extensions: permessage-deflate\r\n", read=True,
                   first=frame(1, part, fin=False, rsv1=True))

    def zip_fragments(self):
        """1,000 compressed messages begun and not ended: an inflater each."""
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        part = deflate.compress(b"x" * 40000) + deflate.flush(zlib.Z_SYNC_FLUSH)
        for _ in range(1000):
            s = self.upgraded("Sec-WebSocket-Extensions: permessage-deflate\r\n")
            s.send(frame(1, part, fin=False, rsv1=True))
        self.idle()

    def huge_headers(self):
        """Heads without end, as fast as it goes."""
        self.ready.set()
        line = b"X-Filler: " + b"y" * 1000 + b"\r\n"
        while not self.stop.is_set():
            s = self.dial()
            try:
                s.sendall(b"GET /ws HTTP/1.1\r\n" + line * 64)
                s.recv(100)
            except OSError:
                pass
            s.close()
            self.sockets.clear()


ATTACKS = [name for name in vars(Attack)
           if name not in ("dial", "upgraded", "idle", "push", "drip", "flood", "client_hello") and name[0] != "_"]


def run_attack(name, target, stop, ready):
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    getattr(Attack(target, stop, ready), name)()


def memory_kib(pid):
    with open("/proc/%d/smaps_rollup" % pid) as f:
        return sum(int(line.split()[1]) for line in f if line.startswith("Private_"))


def cpu_s(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def waited_ms(pids):
    """How long the threads of these processes were ready to run and had no processor, in all."""
    total = 0
    for pid in pids:
        for path in glob.glob("/proc/%d/task/*/schedstat" % pid):
            try:
                with open(path) as f:
                    total += int(f.read().split()[1])
            except OSError:
                pass  # that thread has ended
    return total / 1e6


async def round_trips(client, seconds, pids=()):
    """Milliseconds of each, from the moment it was due (not from when we got to send it). Those in
    which one of `pids` waited for a processor are left out, and the client begins to count anew."""
    times = []
    waited = waited_ms(pids)
    due = time.monotonic()
    end = due + seconds
    while due < end:
        delay = due - time.monotonic()
        if delay > 0:
            await asyncio.sleep(delay)
        await client.send("room_message", room="busy", payload=0)
        await client.expect("room_message", timeout=60, userId=client.user)
        took = (time.monotonic() - due) * 1000
        waited_before, waited = waited, waited_ms(pids)
        if waited - waited_before > WAITED_MS:
            due = time.monotonic() + EVERY_S
            continue
        times.append(took)
        due = max(due + EVERY_S, time.monotonic() - 0.5)
    return times


def summary(times):
    ordered = sorted(times)
    return {"p50_ms": statistics.median(ordered), "p99_ms": ordered[int(len(ordered) * 0.99)],
            "max_ms": ordered[-1], "count": len(ordered)}


async def measure(name, seconds, certificate, realtime):
    cluster = Cluster(edges=1, tls=certificate, router_options=["--max-messages-per-second", "200"],
                      edge_options=["--compression", "on"])
    try:
        edge = cluster.edges[0]
        client = await Client.connect(edge, "alice")
        await client.send("join", room="busy", id=1)
        await client.expect("ok")
        pids = (edge.program.pid, cluster.router.pid, os.getpid()) if realtime else ()
        await round_trips(client, 1)
        before = summary(await round_trips(client, seconds, pids))
        memory_before = memory_kib(edge.program.pid)
        stop, ready = multiprocessing.Event(), multiprocessing.Event()
        process = multiprocessing.Process(
            target=run_attack, args=(name, (edge.port, edge.tls_port), stop, ready))
        process.start()
        await asyncio.to_thread(ready.wait, 120)
        cpu = cpu_s(edge.program.pid)
        during = summary(await round_trips(client, seconds, pids))
        cpu = cpu_s(edge.program.pid) - cpu
        memory_during = memory_kib(edge.program.pid)
        metrics = edge.metrics()
        stop.set()
        process.join(30)
        if process.is_alive():
            process.kill()
        await eventually(lambda: sum(v for k, v in edge.metrics().items()
                                     if k.startswith("ws_active_connections")) == 1,
                         "the attackers are gone", 60)
        await client.close()
    finally:
        cluster.close()
    return {"attack": name, "before": before, "during": during,
            "ratio_p50": during["p50_ms"] / before["p50_ms"],
            "ratio_p99": during["p99_ms"] / before["p99_ms"],
            "edge_cpu": cpu / seconds, "memory_before_kib": memory_before,
            "memory_during_kib": memory_during,
            "refused": {k: v for k, v in metrics.items() if v and ("refused" in k or "disconnections" in k)}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("attacks", nargs="*", choices=[[], *ATTACKS])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--realtime", action="store_true",
                        help="(root) programs and client before all other processes of the machine, the "
                        "attackers too: what is left is what the programs themselves do to the client")
    parser.add_argument("--rsa", type=int, metavar="BITS",
                        help="the certificate has an RSA key (default: ECDSA P-256)")
    args = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    certificate = Certificate(key=("rsa:%d" % args.rsa,)) if args.rsa else Certificate()
    if args.realtime:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    if not args.json:
        print("%-20s %9s %9s %9s %9s %7s %7s %6s %10s %10s %6s" % (
            "attack", "p50 ms", "p50 then", "p99 ms", "p99 then", "x p50", "x p99", "cpu", "KiB", "KiB then", "trips"))
    for name in args.attacks or ATTACKS:
        row = asyncio.run(measure(name, args.seconds, certificate, args.realtime))
        if args.json:
            print(json.dumps(row), flush=True)
        else:
            print("%-20s %9.2f %9.2f %9.2f %9.2f %7.2f %7.2f %6.2f %10d %10d %6d" % (
                name, row["before"]["p50_ms"], row["during"]["p50_ms"], row["before"]["p99_ms"],
                row["during"]["p99_ms"], row["ratio_p50"], row["ratio_p99"], row["edge_cpu"],
                row["memory_before_kib"], row["memory_during_kib"],
                row["during"]["count"]), flush=True)
    certificate.remove()


if __name__ == "__main__":
    main()
