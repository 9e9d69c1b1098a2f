#!/usr/bin/python3
"""What an idle connection costs an edge and the router, by kind of connection.

./dev bench connection_memory [-- --connections N]   prints the table of docs/TUNING.md
Memory is the private one of the processes (smaps_rollup), before and after. The kernel's is apart: about
4 KiB for each end of a connection (docs/TESTING.md).
"""

import argparse
import asyncio
import os
import re
import resource
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import websockets  # noqa: E402

from clients import handshake, frame  # noqa: E402
from cluster import Certificate, Cluster  # noqa: E402

WARM = 20
JOIN = b'{"type":"join","room":"room-%d","id":1}'
# What is measured: name, options of the edge, TLS version or None, rooms of each, compressed.
KINDS = (
    ("plain", (), None, 0, None),
    ("plain, in one room of ten", (), None, 1, None),
    ("plain, in ten rooms of ten", (), None, 10, None),
    ("TLS 1.3", (), "TLSv1_3", 0, None),
    ("TLS 1.2", (), "TLSv1_2", 0, None),
    ("compression, context `client`", ("--compression", "on", "--compression-context", "client",
                                       "--compression-memory", "1GiB"), None, 0, "client"),
    ("compression, context `both`", ("--compression", "on", "--compression-context", "both",
                                     "--compression-memory", "1GiB"), None, 0, "both"),
)


def private_bytes(pid):
    with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as file:
        return 1024 * sum(int(n) for n in re.findall(r"^Private_\w+: +(\d+)", file.read(), re.M))


class Idle:
    """Connections that came, joined and are silent."""

    def __init__(self, cluster, context, rooms, compressed):
        self.edge = cluster.edges[0]
        self.context = context
        self.rooms = rooms
        self.compressed = compressed
        self.open = []

    async def come(self, number):
        if self.compressed:
            socket = await websockets.connect("%s?token=u%d" % (self.edge.url, number),
                                              compression="deflate", ping_interval=None)
            await socket.send('{"type":"ping","id":1,"pad":"%s"}' % ("abcdefgh" * 1000))
            await socket.recv()
            self.open.append(socket)
            return
        port = self.edge.tls_port if self.context else self.edge.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=self.context)
        writer.write(handshake("/ws?token=u%d" % number))
        await reader.readuntil(b"\r\n\r\n")
        for room in range(self.rooms):
            writer.write(frame(1, JOIN % (number // 10 * self.rooms + room)))
        await reader.read(1)
        self.open.append((reader, writer))

    async def fill(self, first, end):
        for start in range(first, end, 100):
            await asyncio.gather(*(self.come(i) for i in range(start, min(end, start + 100))))


async def measure(kind, count, certificate):
    name, options, version, rooms, compressed = kind
    count = count // 5 if compressed else count
    context = certificate.context(getattr(ssl.TLSVersion, version)) if version else None
    cluster = await asyncio.to_thread(
        Cluster, 1, (), ("--max-connections-per-ip", "0", *options), "insecure", certificate)
    try:
        idle = Idle(cluster, context, rooms, compressed)
        await idle.fill(0, WARM)  # what the first ones take is not theirs
        await asyncio.sleep(2)
        edge = private_bytes(cluster.edges[0].program.pid)
        router = private_bytes(cluster.router.pid)
        await idle.fill(WARM, WARM + count)
        await asyncio.sleep(7)  # until freed memory has been given back
        figures = ((private_bytes(cluster.edges[0].program.pid) - edge) / count,
                   (private_bytes(cluster.router.pid) - router) / count)
        print("| %s | %d | %.0f | %.0f |" % (name, count, *figures), flush=True)
    finally:
        await asyncio.to_thread(cluster.close)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=4000)
    count = parser.parse_args().connections
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    certificate = Certificate()
    print("| connection | how many | edge, bytes | router, bytes |\n|---|---|---|---|")
    try:
        for kind in KINDS:
            asyncio.run(measure(kind, count, certificate))
    finally:
        certificate.remove()


if __name__ == "__main__":
    main()
