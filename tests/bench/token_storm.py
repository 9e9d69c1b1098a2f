#!/usr/bin/python3
"""New clients with ES256 tokens, all at once, beside clients that talk: what the latter notice.

    SPLITRAIL_BIN=build/release/bin tests/bench/token_storm.py [--talkers 1000] [--newcomers 10000] [--edges 2]

Every talker says something once a second in a room of ten and hears its own echo: the round trips are
taken before and during the storm, which runs in processes of its own. No token is seen twice, so each
costs a signature check. Absolute times depend on the machine: read the ratios.
"""

import argparse
import asyncio
import base64
import json
import multiprocessing
import os
import select
import socket
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from clients import Client  # noqa: E402
from cluster import Cluster  # noqa: E402
from test_token_keys import CHECKS, Issuer  # noqa: E402

UNFINISHED_MAX = 200  # openings at a time in one process


def request(token):
    return ("GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\nAuthorization: Bearer %s\r\n\r\n"
            % (base64.b64encode(os.urandom(16)).decode(), token)).encode()


def newcomers(ports, tokens, number, start, result):
    """Opens them as fast as it can; counts those that were welcomed."""
    poll = select.epoll()
    opening, kept, welcomed = {}, [], 0
    waiting = list(tokens)
    start.wait()
    began = time.monotonic()
    while waiting or opening:
        while waiting and len(opening) < UNFINISHED_MAX:
            s = socket.socket()
            s.bind(("127.0.%d.%d" % (1 + number, 1 + len(waiting) % 200), 0))
            s.connect(("127.0.0.1", ports[len(waiting) % len(ports)]))
            s.sendall(request(waiting.pop()))
            s.setblocking(False)
            poll.register(s, select.EPOLLIN)
            opening[s.fileno()] = [s, b""]
        for fd, _ in poll.poll(1):
            entry = opening[fd]
            try:
                got = entry[0].recv(65536)
            except BlockingIOError:
                continue
            entry[1] += got
            if b'"welcome"' in entry[1] or not got:
                welcomed += b'"welcome"' in entry[1]
                poll.unregister(fd)
                kept.append(opening.pop(fd)[0])
    result.put((welcomed, time.monotonic() - began))
    start.clear()
    start.wait()


class Talkers:
    def __init__(self, clients):
        self.clients = clients
        self.times = []
        self.stop = False

    async def talk(self, client, offset):
        await asyncio.sleep(offset)
        number = 0
        while not self.stop:
            number += 1
            began = time.monotonic()
            await client.send("room_message", room=client.room, payload=number, id=number)
            await client.expect("ok", id=number)
            self.times.append(time.monotonic() - began)
            client.inbox.clear()
            await asyncio.sleep(max(0.0, 1 - (time.monotonic() - began)))

    async def start(self):
        count = len(self.clients)
        self.tasks = [asyncio.create_task(self.talk(client, i / count))
                      for i, client in enumerate(self.clients)]

    def take(self):
        times, self.times = sorted(self.times), []
        return {"count": len(times), "p50_ms": round(1000 * times[len(times) // 2], 2),
                "p99_ms": round(1000 * times[len(times) * 99 // 100], 2)}

    async def end(self):
        self.stop = True
        await asyncio.gather(*self.tasks)


async def connect_talkers(cluster, issuer, count):
    clients = []
    for first in range(0, count, 50):
        clients += await asyncio.gather(*[
            Client.connect(cluster.edges[i % len(cluster.edges)],
                           issuer.token("k", sub="talker-%d" % i))
            for i in range(first, min(first + 50, count))])
    for i, client in enumerate(clients):
        client.room = "room-%d" % (i // 10)
        await client.ok("join", room=client.room)
    return clients


async def run(args, issuer, path):
    cluster = Cluster(edges=args.edges, auth="jwt", router_options=("--jwks-file", path))
    start, result = multiprocessing.Event(), multiprocessing.Queue()
    tokens = [issuer.token("k", sub="newcomer-%d" % i) for i in range(args.newcomers)]
    ports = [edge.port for edge in cluster.edges]
    storms = [multiprocessing.Process(target=newcomers, daemon=True,
                                      args=(ports, tokens[i::2], i, start, result))
              for i in range(2)]
    try:
        for storm in storms:
            storm.start()
        await cluster.ready()
        talkers = Talkers(await connect_talkers(cluster, issuer, args.talkers))
        await talkers.start()
        await asyncio.sleep(3)
        talkers.take()
        await asyncio.sleep(args.seconds)
        before = talkers.take()
        start.set()
        loop = asyncio.get_running_loop()
        welcomed, took = zip(*[await loop.run_in_executor(None, result.get) for _ in storms])
        during = talkers.take()
        await talkers.end()
        checks = cluster.metrics()[CHECKS % "pool"]
    finally:
        for storm in storms:
            storm.terminate()
        cluster.close()
    return {"welcomed": sum(welcomed), "seconds": round(max(took), 2), "checks": checks,
            "before": before, "during": during,
            "p99_ratio": round(during["p99_ms"] / before["p99_ms"], 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--talkers", type=int, default=1000)
    parser.add_argument("--newcomers", type=int, default=10000)
    parser.add_argument("--edges", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5)
    args = parser.parse_args()
    issuer = Issuer()
    with tempfile.NamedTemporaryFile("w") as file:
        json.dump({"keys": [issuer.make("ES256", "k")]}, file)
        file.flush()
        print(json.dumps(asyncio.run(run(args, issuer, file.name)), indent=1))
    issuer.close()


if __name__ == "__main__":
    main()
