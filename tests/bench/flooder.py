#!/usr/bin/python3
"""One connection that says far too much, beside users who talk: what it costs them.

    SPLITRAIL_BIN=build/release/bin tests/bench/flooder.py [--rate 50000] [--users 20] [--seconds 5]
                                                           [--json] [--check]

Users in pairs say something at 45 a second each, below the default rate, and count what they hear. Three
times as long: alone, beside a process that makes the same flood for nobody (the control: on a small
machine it takes processor time from everybody), and beside one that sends it to the edge, on one connection
which is opened again as often as it is closed. The ratios are of what was heard; with --check less than
95 % of the control, or another end of the flooder than 1008, is an error.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import queue
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from clients import Client  # noqa: E402
from cluster import Cluster  # noqa: E402
from hostile import frame, head  # noqa: E402

PER_USER = 45
TICK_S = 0.01


class Flood:
    """Runs in a process of its own; `port` 0 is nobody."""

    def __init__(self, port, rate, stop, results):
        self.port, self.stop, self.results = port, stop, results
        text = b'{"type":"room_message","room":"pair-0","payload":"flood"}'
        self.batch = frame(1, text) * int(rate * TICK_S)
        self.per_batch = int(rate * TICK_S)
        self.frame_bytes = len(self.batch) // self.per_batch
        self.ends = {}
        self.bytes = 0
        self.to_close = []

    def open(self):
        s = socket.create_connection(("127.0.0.1", self.port))
        s.sendall(head())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += s.recv(4096)
        s.setblocking(False)
        return s

    def end_of(self, s, heard):
        """The close code in what was heard, 1006 when there is none: frames of a server have no mask."""
        code = 1006
        while len(heard) >= 2:
            size, at = heard[1] & 127, 2
            if size == 126:
                size, at = struct.unpack("!H", heard[2:4])[0], 4
            if heard[0] & 15 == 8 and len(heard) >= at + 2:
                code = struct.unpack("!H", heard[at:at + 2])[0]
            heard = heard[at + size:]
        s.close()
        self.ends[code] = self.ends.get(code, 0) + 1

    def one(self):
        """One connection from its opening to its end."""
        s = self.open()
        heard, rest, opened = bytearray(), b"", time.monotonic()
        due = opened
        alive = True
        while alive and not self.stop.is_set():
            if not rest and time.monotonic() >= due:
                rest, due = memoryview(self.batch), due + TICK_S
            try:
                got = s.recv(1 << 18)
                alive = got != b""
                heard += got
            except BlockingIOError:
                pass
            except OSError:
                alive = False
            try:
                if alive and rest:
                    sent = s.send(rest)
                    self.bytes += sent
                    rest = rest[sent:]
                else:
                    time.sleep(0.001)
            except BlockingIOError:
                time.sleep(0.001)
            except OSError:  # what the edge has said is still to be read
                rest = b""
        if alive:
            s.close()
            return
        self.to_close.append(time.monotonic() - opened)
        self.end_of(s, bytes(heard))

    def nobody(self):
        ours, theirs = socket.socketpair()
        due = time.monotonic()
        for s in (ours, theirs):
            s.setblocking(False)
        while not self.stop.is_set():
            time.sleep(max(0.0, due - time.monotonic()))
            due += TICK_S
            rest = memoryview(self.batch)
            while rest:
                sent = ours.send(rest)
                self.bytes += sent
                rest = rest[sent:]
                theirs.recv(1 << 20)

    def run(self):
        started = time.monotonic()
        while not self.stop.is_set():
            if self.port:
                self.one()
            else:
                self.nobody()
        took = time.monotonic() - started
        self.results.put({
            "sent_per_s": round(self.bytes / self.frame_bytes / took),
            "ends": {str(code): count for code, count in self.ends.items()},
            "mean_ms_to_close": round(1000 * sum(self.to_close) / len(self.to_close), 1)
            if self.to_close else None})


async def talk(clients, seconds):
    """Messages heard, from whom they were meant for, within the time."""
    end = time.monotonic() + seconds
    for client in clients:
        client.inbox.clear()

    async def one(client, n):
        due = time.monotonic() + n / len(clients) / PER_USER
        room = "pair-%d" % (n // 2)
        while due < end:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due += 1 / PER_USER
            await client.send("room_message", room=room, payload="talk", echo=False)
    await asyncio.gather(*(one(client, n) for n, client in enumerate(clients)))
    return sum(1 for client in clients for message, _ in client.inbox
               if message["type"] == "room_message" and message["payload"] == "talk")


async def beside(clients, port, options):
    stop, results = multiprocessing.Event(), multiprocessing.Queue()
    process = multiprocessing.Process(target=lambda: Flood(port, options.rate, stop, results).run())
    process.start()
    await asyncio.sleep(0.3)
    heard = await talk(clients, options.seconds)
    stop.set()
    try:
        flood = await asyncio.to_thread(results.get, True, 20)
    except queue.Empty:
        raise SystemExit("the flooder did not end")
    process.join()
    return heard, flood


async def measure(options):
    cluster = Cluster(edges=1)
    try:
        clients = [await Client.connect(cluster.edges[0], "user-%d" % n) for n in range(options.users)]
        for n, client in enumerate(clients):
            await client.ok("join", room="pair-%d" % (n // 2))
        await talk(clients, 1)
        alone = await talk(clients, options.seconds)
        control, idle = await beside(clients, 0, options)
        flooded, flood = await beside(clients, cluster.edges[0].port, options)
        await asyncio.gather(*(client.close() for client in clients))
    finally:
        cluster.close()
    return {"alone_per_s": alone / options.seconds, "control_per_s": control / options.seconds,
            "flooded_per_s": flooded / options.seconds, "ratio_to_control": flooded / control,
            "ratio_to_alone": flooded / alone, "offered_per_s": options.rate,
            "control_sent_per_s": idle["sent_per_s"], **flood}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=int, default=50000)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    found = asyncio.run(measure(options))
    if options.json:
        print(json.dumps(found))
    else:
        print("heard a second: alone %(alone_per_s).0f, control %(control_per_s).0f, flooded "
              "%(flooded_per_s).0f: %(ratio_to_control).3f of the control, %(ratio_to_alone).3f of alone"
              % found)
        print("the flooder: %(offered_per_s)d a second wanted, %(sent_per_s)d sent, closed with %(ends)s "
              "after %(mean_ms_to_close)s ms" % found)
    if options.check:
        good = found["ratio_to_control"] > 0.95 and set(found["ends"]) == {"1008"}
        sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
