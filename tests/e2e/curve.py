"""Keys for clusters that speak CURVE, and a hand-written edge that says what it likes."""

import os
import random
import shutil
import struct
import subprocess
import tempfile

import zmq

from cluster import BIN, PATIENCE_S, Cluster, Edge


class Keys:
    """A folder with key pairs made by splitrailctl keygen, and the router's lists."""

    def __init__(self, *names):
        self.dir = tempfile.mkdtemp(prefix="splitrail-curve-")
        self.allowed = os.path.join(self.dir, "edges")
        self.operators = os.path.join(self.dir, "operators")
        for name in ("router", "operator", "stranger", *names):
            self.make(name)
        self.write(self.allowed, *names)
        self.write(self.operators, "operator")

    def make(self, name):
        subprocess.run([os.path.join(BIN, "splitrailctl"), "keygen", os.path.join(self.dir, name)],
                       check=True, capture_output=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def line(self, name, edge_id=None):
        with open(self.path(name + ".pub"), encoding="ascii") as file:
            key, own = file.read().split()
        return "%s %s\n" % (key, edge_id or own)

    def write(self, path, *names, lines=()):
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write("# who may connect\n")
            file.writelines([self.line(name) for name in names])
            file.writelines(lines)
        os.replace(path + ".new", path)

    def public(self, name):
        return self.line(name).split()[0].encode()

    def secret(self, name):
        with open(self.path(name + ".key"), encoding="ascii") as file:
            return file.read().split()[-1].encode()

    def router_options(self):
        return ["--curve-key-file", self.path("router.key"), "--curve-allowed-file", self.allowed,
                "--curve-admin-allowed-file", self.operators]

    def edge_options(self, name, server="router"):
        return ["--curve-key-file", self.path(name + ".key"),
                "--curve-server-key-file", self.path(server + ".pub")]

    def remove(self):
        shutil.rmtree(self.dir)


class CurveCluster(Cluster):
    """A cluster whose edges are started by the test; splitrailctl has the operator's key."""

    def __init__(self, keys, router_options=()):
        self.keys = keys
        super().__init__(edges=0, router_options=[*keys.router_options(), *router_options])

    def add(self, options=None, key=None, id=None, wait=True):
        """One more edge, with the key of its id."""
        number = len(self.edges) + 1
        options = self.keys.edge_options(key or "edge-%d" % number) if options is None else options
        edge = Edge(self, number, ["--drain-timeout", "2s", "--reconnect-delay", "200ms",
                                   *(["--id", id] if id else []), *options])
        if wait:
            self.edges.append(edge)
            self.await_ready()
        return edge

    def ctl_raw(self, *args):
        return super().ctl_raw("--curve-key-file", self.keys.path("operator.key"),
                               "--curve-server-key-file", self.keys.path("router.pub"), *args)


# Just enough protocol buffers to write frames.

def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n) if n else b""


def fixed64(field, n):
    return varint(field << 3 | 1) + struct.pack("<Q", n)


def data(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def packed(field, numbers):
    return data(field, b"".join(varint(n) for n in numbers))


def hello(edge_id, incarnation=None, version=1, credit=1 << 20, router=0, attempt=1):
    return data(3, number(1, version) + data(2, edge_id) +
                fixed64(3, incarnation or random.getrandbits(63) | 1) + fixed64(4, router) +
                number(6, credit) + number(8, attempt))


def batch(seq, ops, ack=0):
    """A data frame of operations (op, slot, gen, a, b, bytes)."""
    ops = list(ops)
    return (number(1, seq) + number(2, ack) +
            data(15, b"".join(packed(i + 1, [op[i] for op in ops]) for i in range(5)) +
                 packed(6, [len(op[5]) for op in ops]) + data(7, b"".join(op[5] for op in ops))))


ANNOUNCE_GROUP, ANNOUNCE_END, TEXT, CLOSED = 5, 7, 2, 4


def group(name, kind=1):
    return number(1, kind) + data(2, name) + fixed64(3, 7)


class HostileEdge:
    """A socket with a good key, and no manners."""

    def __init__(self, cluster, key, routing_id=None):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.curve_publickey = cluster.keys.public(key)
        self.socket.curve_secretkey = cluster.keys.secret(key)
        self.socket.curve_serverkey = cluster.keys.public("router")
        self.socket.setsockopt(zmq.IDENTITY, routing_id or b"hostile/%x" % random.getrandbits(64))
        self.socket.connect(cluster.plane)

    def say(self, *frames):
        for frame in frames:
            self.socket.send(frame)

    def hear(self, timeout=PATIENCE_S):
        """The next frame, or None."""
        return self.socket.recv() if self.socket.poll(int(timeout * 1000)) else None

    def close(self):
        self.socket.close()
        self.context.term()
