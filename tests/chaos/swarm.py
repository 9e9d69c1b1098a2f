"""One process full of clients: it joins, publishes, reconnects as a good client does, and writes down
all that it sees. Lines on standard input command it (see Swarm.command); each is answered by a line.

The WebSocket is spoken here and not by a library, because every cycle that a client burns is one that
the cluster on the same machine does not have, and because the pauses that are measured are the servers'.
"""

import asyncio
import base64
import collections
import json
import os
import random
import socket
import struct
import sys
import time

GOODBYE, NO_WORD, THEIRS = 1, 2, 0
RETRY_S = 0.25
AGAIN_S = 1 / 30
SLOW_BUFFER = 32768


def now_us():
    return time.monotonic_ns() // 1000


class Trace:
    """Lines with the time of this machine, written in pieces."""

    def __init__(self, path):
        self.file = open(path, "w", buffering=1 << 20)

    def __call__(self, text):
        self.file.write("%d %s\n" % (time.monotonic_ns() // 1000, text))


class Wire(asyncio.Protocol):
    """Frames of one connection. Servers do not mask and ours do not fragment."""

    def __init__(self, client):
        self.client = client
        self.transport = None
        self.upgraded = False
        self.status = 0
        self.buffer = b""
        self.code = 1006

    def connection_made(self, transport):
        self.transport = transport
        self.client.wire = self
        # An edge that stands still accepts and says nothing.
        asyncio.get_running_loop().call_later(5, self.give_up)
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write((
            "GET /ws?token=%s HTTP/1.1\r\nHost: chaos\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n" % (self.client.token, key)).encode())

    def give_up(self):
        if not self.upgraded:
            self.transport.abort()

    def data_received(self, data):
        if self.buffer:
            data = self.buffer + data
        at = 0
        if not self.upgraded:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self.buffer = data
                return
            head = data[:end].decode(errors="replace")
            self.status = int(head.split(" ", 2)[1])
            if self.status != 101:
                self.client.refused(self, head)
                self.transport.abort()
                return
            self.upgraded = True
            at = end + 4
        total = len(data)
        while total - at >= 2:
            n = data[at + 1]
            start = at + 2
            if n == 126:
                if total < at + 4:
                    break
                n = data[at + 2] << 8 | data[at + 3]
                start = at + 4
            elif n == 127:
                if total < at + 10:
                    break
                n = struct.unpack_from(">Q", data, at + 2)[0]
                start = at + 10
            if total < start + n:
                break
            self.frame(data[at] & 15, data[start:start + n])
            at = start + n
        self.buffer = data[at:]

    def frame(self, opcode, payload):
        if opcode == 1:
            self.client.hear(self, payload)
        elif opcode == 9:
            self.write(10, payload)
        elif opcode == 8:
            self.code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
            self.write(8, payload)
            self.transport.close()

    def write(self, opcode, payload):
        n = len(payload)
        head = struct.pack(">BB", 0x80 | opcode, 0x80 | n) if n < 126 else \
            struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, n)
        if not self.transport.is_closing():
            self.transport.write(head + b"\0\0\0\0" + payload)

    def say(self, command):
        self.write(1, json.dumps(command, separators=(",", ":")).encode())

    def connection_lost(self, _error):
        self.client.lost(self)


class Client:
    def __init__(self, swarm, number, user, rooms, publisher=None):
        self.swarm = swarm
        self.number = number
        self.user = user
        self.token = "c%d" % user
        self.rooms = rooms
        self.edge = number % len(swarm.ports)
        self.wire = None
        self.ready = False
        self.wanted = True  # be connected
        self.how = THEIRS  # the next end
        self.last = {}  # room: (epoch, offset)
        self.joining = {}  # id: (room, since)
        self.asking = {}  # id of a history: (room, to)
        self.flushes = 0  # pings out
        self.ids = 0
        self.publisher = publisher
        self.keyed = publisher is not None and publisher % 2 == 0
        self.sent = 0
        self.unanswered = {}  # number: (room, id)
        self.rejected = 0  # refused, and to be said again in a moment
        self.queue = collections.deque()  # (number, room) to be said again, in order and at a pace
        self.saying = False
        self.by_id = {}  # id: number
        self.trace("user %d %d" % (number, user))

    def trace(self, text):
        self.swarm.trace(text)

    # --- connecting ---

    async def connect(self):
        """Until there is a connection; whoever lost one takes another edge."""
        while self.wanted and self.wire is None:
            port = self.swarm.ports[self.edge]
            try:
                await asyncio.wait_for(self.swarm.loop.create_connection(
                    lambda: Wire(self), sock=await self.socket(port)), 5)
                return
            except (OSError, asyncio.TimeoutError):
                self.edge = (self.edge + 1) % len(self.swarm.ports)
                await asyncio.sleep(RETRY_S * (0.5 + random.random()))

    async def socket(self, port):
        """Who will not read for a while has a small buffer from the start: the window of a connection
        does not shrink later."""
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.number in self.swarm.plan["slow"]:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BUFFER)
        try:
            await asyncio.wait_for(self.swarm.loop.sock_connect(sock, ("127.0.0.1", port)), 5)
        except BaseException:
            sock.close()
            raise
        return sock

    def refused(self, wire, head):
        after = [line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("retry-after:")]
        self.swarm.refusals += 1
        wire.delay = min(float(after[0]), 5) if after else RETRY_S

    def lost(self, wire):
        if self.wire is not wire:
            return
        self.wire = None
        self.ready = False
        if wire.upgraded and getattr(wire, "welcomed", False):
            self.trace("close %d %d %d" % (self.number, wire.code, self.how))
            self.abandon()
        self.how = THEIRS
        self.joining.clear()
        self.asking.clear()
        self.by_id.clear()
        self.flushes = 0
        if self.wanted:
            self.edge = (self.edge + 1) % len(self.swarm.ports)
            delay = getattr(wire, "delay", 0) + self.swarm.jitter_s * random.random()
            self.swarm.loop.call_later(delay, lambda: self.swarm.spawn(self.connect()))

    def abandon(self):
        """Without a key a message must not be said again: only the log knows about it."""
        if not self.keyed:
            for number, (room, _) in self.unanswered.items():
                self.trace("abandon %d %d %d" % (self.number, room, self.name(number)))
            self.unanswered.clear()

    def close(self, how):
        if self.wire is None:
            return
        self.how = how
        if how == GOODBYE:
            # What is answered or heard from here on is part of this connection still.
            self.trace("bye %d" % self.number)
            self.wire.write(8, struct.pack(">H", 1000))
        else:
            self.wire.transport.abort()

    # --- saying ---

    def next_id(self):
        self.ids += 1
        return self.ids

    def name(self, number):
        return number * self.swarm.publishers + self.publisher + 1

    def publish(self):
        if self.ready and not self.queue and len(self.unanswered) < self.swarm.window:
            self.sent += 1
            self.say_message(self.sent, self.rooms[self.sent % len(self.rooms)])

    def say_message(self, number, room):
        command = {"type": "room_message", "room": self.swarm.room_name(room), "id": self.next_id(),
                   "payload": {"m": self.name(number), "pad": "x" * self.swarm.pads.get(room, 0)}}
        if self.keyed:
            command["key"] = "%d.%d" % (self.publisher, number)
        self.unanswered[number] = (room, command["id"])
        self.by_id[command["id"]] = number
        self.trace("send %d %d %d" % (self.number, room, self.name(number)))
        self.wire.say(command)

    def enter(self):
        for room in self.rooms:
            command = {"type": "join", "room": self.swarm.room_name(room), "id": self.next_id(),
                       "members": True}
            since = self.last.get(room)
            if since:
                command["since"] = {"epoch": "%016x" % since[0], "offset": since[1]}
            self.joining[command["id"]] = (room, since)
            self.trace("ask %d %d" % (self.number, room))
            self.wire.say(command)

    def flush(self):
        """What the router said before a pong is there when the pong is."""
        if self.ready:
            self.flushes += 1
            self.wire.say({"type": "ping", "id": self.next_id()})

    # --- hearing ---

    def hear(self, wire, payload):
        push = json.loads(payload)
        handler = HEARD.get(push["type"])
        if handler:
            handler(self, wire, push)

    def hear_message(self, _wire, push):
        room = self.swarm.room_number(push["roomId"])
        offset = push["offset"]
        epoch, last = self.last.get(room, (0, 0))
        self.last[room] = (epoch, max(last, offset))
        self.trace("msg %d %d %d %d" % (self.number, room, offset, push["payload"]["m"]))

    def hear_joined(self, _wire, push):
        self.trace("joined %d %d %d" % (
            self.number, self.swarm.room_number(push["roomId"]), user_number(push["userId"])))

    def hear_left(self, _wire, push):
        self.trace("left %d %d %d" % (
            self.number, self.swarm.room_number(push["roomId"]), user_number(push["userId"])))

    def hear_welcome(self, wire, _push):
        wire.welcomed = True
        self.trace("open %d %d" % (self.number, self.edge))
        self.enter()

    def hear_gap(self, wire, push):
        room = self.swarm.room_number(push["roomId"])
        first, to = push["from"], push["to"]
        self.trace("gap %d %d %d %d" % (self.number, room, first, to))
        if to:
            self.last[room] = (self.last[room][0], to)
            self.fill(wire, room, first, to)

    def fill(self, wire, room, first, to):
        """Asks for what a gap left out."""
        if self.wire is not wire:
            return
        command = {"type": "history", "room": self.swarm.room_name(room), "id": self.next_id(), "limit": 20,
                   "since": {"epoch": "%016x" % self.last[room][0], "offset": first - 1}}
        self.asking[command["id"]] = (room, first, to)
        wire.say(command)

    def hear_history(self, wire, room, _first, to, reply):
        offset = 0
        for message in reply["messages"]:
            offset = message["offset"]
            if offset <= to:
                self.trace("fill %d %d %d %d" % (self.number, room, offset, message["payload"]["m"]))
        if offset and offset < to:
            self.fill(wire, room, offset + 1, to)

    def hear_epoch(self, _wire, push):
        room = self.swarm.room_number(push["roomId"])
        epoch = int(push["epoch"], 16)
        self.last[room] = (epoch, push["offset"])
        self.trace("epoch %d %d %d %d" % (self.number, room, epoch, push["offset"]))

    def hear_ok(self, wire, reply):
        key = reply.get("id")
        if key in self.joining:
            self.hear_join(*self.joining.pop(key), reply)
        elif key in self.asking:
            self.hear_history(wire, *self.asking.pop(key), reply)
        elif key in self.by_id:
            number = self.by_id.pop(key)
            room, _ = self.unanswered.pop(number)
            self.trace("ok %d %d %d %d %d" % (
                self.number, room, self.name(number), reply["offset"], bool(reply.get("duplicate"))))

    def hear_join(self, room, since, reply):
        epoch = int(reply["epoch"], 16)
        past = since or (0, 0)
        self.trace("join %d %d %d %d %d %d %d %d" % (
            self.number, room, epoch, reply["offset"], reply["firstOffset"], bool(reply.get("recovered")),
            past[0], past[1]))
        self.last[room] = since if since and reply.get("recovered") else (epoch, reply["offset"])
        for member in reply.get("members", ()):
            self.trace("listed %d %d %d" % (self.number, room, user_number(member["userId"])))
        if not self.joining:
            self.ready = True
            again = sorted((number, where) for number, (where, _) in self.unanswered.items())
            waiting = list(self.queue)
            self.queue.clear()
            self.unanswered.clear()
            for number, where in again + waiting:
                self.say_again(number, where)

    def hear_error(self, wire, reply):
        key = reply.get("id")
        delay = reply.get("retryAfterMs", 200) / 1000
        if key in self.by_id:
            number = self.by_id.pop(key)
            room, _ = self.unanswered.pop(number)
            self.swarm.refused_codes[reply["code"]] = self.swarm.refused_codes.get(reply["code"], 0) + 1
            self.trace("error %d %d %d" % (self.number, room, self.name(number)))
            self.rejected += 1
            self.swarm.loop.call_later(delay, self.say_refused, number, room)
        elif key in self.joining:
            room, since = self.joining.pop(key)
            self.swarm.loop.call_later(delay, self.join_again, wire, room, since)
        elif key in self.asking:
            self.swarm.loop.call_later(delay, self.fill, wire, *self.asking.pop(key))
        else:
            # The edge's hold buffer was full: which message it was is not said, and none is lost that
            # has a key.
            self.swarm.refused_codes[reply["code"]] = self.swarm.refused_codes.get(reply["code"], 0) + 1

    def say_refused(self, number, room):
        self.rejected -= 1
        self.say_again(number, room)

    def say_again(self, number, room):
        """Slower than the server allows, and before anything new."""
        self.queue.append((number, room))
        if not self.saying:
            self.saying = True
            self.swarm.loop.call_later(AGAIN_S, self.say_next)

    def say_next(self):
        if self.ready and self.queue:
            self.say_message(*self.queue.popleft())
        self.saying = bool(self.queue)
        if self.saying:
            self.swarm.loop.call_later(AGAIN_S, self.say_next)

    def join_again(self, wire, room, since):
        if self.wire is not wire:
            return
        command = {"type": "join", "room": self.swarm.room_name(room), "id": self.next_id(), "members": True}
        if since:
            command["since"] = {"epoch": "%016x" % since[0], "offset": since[1]}
        self.joining[command["id"]] = (room, since)
        wire.say(command)

    def hear_pong(self, _wire, reply):
        if reply.get("id"):
            self.flushes -= 1

    def busy(self):
        """Something is still to come."""
        if not self.wanted:
            return self.wire is not None
        return not self.ready or bool(
            self.unanswered or self.rejected or self.queue or self.asking or self.flushes)


HEARD = {"room_message": Client.hear_message, "user_joined": Client.hear_joined,
         "user_left": Client.hear_left, "welcome": Client.hear_welcome, "gap": Client.hear_gap,
         "epoch": Client.hear_epoch, "ok": Client.hear_ok, "error": Client.hear_error,
         "pong": Client.hear_pong}


def user_number(name):
    """user_c12"""
    return int(name[6:])


class Swarm:
    def __init__(self, plan):
        self.plan = plan
        self.loop = asyncio.get_running_loop()
        self.trace = Trace(plan["trace"])
        self.ports = plan["ports"]
        self.publishers = plan["publishers"]
        self.rate = plan["rate"]
        self.window = plan["window"]
        self.pads = {}  # room: bytes more in each message
        self.jitter_s = plan["jitter"]
        self.refusals = 0
        self.refused_codes = {}
        self.publishing = False
        self.tasks = set()
        self.clients = [Client(self, *row) for row in plan["clients"]]
        for client in self.clients:
            client.wanted = client.number not in plan["later"]
        self.speakers = [c for c in self.clients if c.publisher is not None]

    def spawn(self, work):
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    @staticmethod
    def room_name(room):
        return "gap:%d" % room if room % 2 else "r:%d" % room

    @staticmethod
    def room_number(name):
        return int(name.rpartition(":")[2])

    async def speak(self):
        """Spread over the second; whoever comes late catches up to a quarter of a second."""
        due = self.loop.time()
        turn = 0
        while True:
            due = max(due + 1 / (self.rate * max(1, len(self.speakers))), self.loop.time() - 0.25)
            await asyncio.sleep(max(0, due - self.loop.time()))
            if self.publishing and self.speakers:
                turn += 1
                self.speakers[turn % len(self.speakers)].publish()

    async def opened(self, per_second):
        """Everybody comes in, at a pace."""
        for i, client in enumerate(self.clients):
            if client.wanted:
                self.spawn(client.connect())
            await asyncio.sleep(1 / per_second)
        await self.idle()

    async def idle(self):
        while any(c.busy() for c in self.clients):
            await asyncio.sleep(0.05)

    async def calm(self):
        """Nobody speaks, all is answered, and all that was said has been heard."""
        self.publishing = False
        await self.idle()
        for client in self.clients:
            client.flush()
        await self.idle()

    async def stall(self, numbers, seconds):
        """These do not read for a while."""
        stalled = [c for c in self.clients if c.number in numbers and c.wire]
        for client in stalled:
            client.wire.transport.pause_reading()
        await asyncio.sleep(seconds)
        for client in stalled:
            if client.wire and not client.wire.transport.is_closing():
                client.wire.transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
                client.wire.transport.resume_reading()

    async def command(self, order):
        what = order["do"]
        if what == "open":
            await self.opened(order["per_second"])
        elif what == "publish":
            self.publishing = True
        elif what == "calm":
            await self.calm()
        elif what == "storm":  # all at once, without a word
            for client in self.clients:
                client.close(NO_WORD)
        elif what == "wanted":  # clients that are there from now on
            for client in self.clients:
                if client.number in order["clients"] and not client.wanted:
                    client.wanted = True
                    self.spawn(client.connect())
        elif what == "unwanted":  # and that are not
            for client in self.clients:
                if client.number in order["clients"] and client.wanted:
                    client.wanted = False
                    self.trace("done %d" % client.number)
                    client.close(order["how"])
        elif what == "stall":
            await self.stall(order["clients"], order["seconds"])
        elif what == "load":
            self.pads = {room: order["pad"] for room in order["rooms"]}
        elif what == "flush":
            self.trace.file.flush()
        elif what == "stuck":
            return [(c.number, c.ready, len(c.unanswered), c.rejected + len(c.queue), len(c.asking), c.flushes,
                     len(c.joining)) for c in self.clients if c.busy()][:5]
        return None

    async def run(self):
        self.spawn(self.speak())
        lines = asyncio.StreamReader(limit=1 << 24)
        await self.loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while True:
            line = await lines.readline()
            if not line:
                break
            order = json.loads(line)
            self.spawn(self.answer(order))
        self.trace.file.flush()

    async def answer(self, order):
        more = await self.command(order)
        sys.stdout.write(json.dumps({"done": order["number"], "refusals": self.refusals,
                                     "codes": self.refused_codes, "more": more}) + "\n")
        sys.stdout.flush()


async def main():
    with open(sys.argv[1]) as file:
        plan = json.load(file)
    await Swarm(plan).run()
    os._exit(0)  # the connections end with the process


if __name__ == "__main__":
    asyncio.run(main())
