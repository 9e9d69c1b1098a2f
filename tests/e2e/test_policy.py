"""What --policy-file decides: classes and history by namespace, and slow readers who are told."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import tempfile
import unittest

from clients import ClusterCase, FreshClusterCase, Raw, frame, handshake
from cluster import BIN, PATIENCE_S, eventually

TEXT = "x" * 8000


class PolicyFile:
    """A file of its own for the class that asks for it."""

    def __init__(self, policy):
        handle, self.path = tempfile.mkstemp(prefix="splitrail-policy-")
        os.close(handle)
        self.write(policy)

    def write(self, policy):
        with open(self.path, "w") as out:
            out.write(policy if isinstance(policy, str) else json.dumps(policy))


POLICY = {
    "default": {"history": {"messages": 20}},
    "namespaces": {
        "short": {"history": {"messages": 3}},
        "brief": {"history": {"age": "1s"}},
        "typing": {"class": "ephemeral"},
        "feed": {"slow_reader": "gap", "history": {"messages": 5000}},
        "whole": {"slow_reader": "disconnect", "history": {"messages": 5000}},
    },
}
SLOW_ROUTER = ("--max-messages-per-second", "0", "--max-bytes-per-second", "0",
               "--history-bytes", "64MiB")
# Whoever does not read answers no ping either, and is not to be closed for that.
SLOW_EDGE = ("--soft-output", "32KiB", "--max-output", "512KiB", "--soft-output-grace", "10m",
             "--heartbeat-interval", "0")


class SlowClient:
    """Joins a room on a small socket and does not read until it is told to."""

    def __init__(self, raw, writer):
        self.raw = raw
        self.writer = writer
        self.number = 0

    @classmethod
    async def join(cls, edge, room):
        plug = socket.socket()
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plug.connect(("127.0.0.1", edge.port))
        plug.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=plug, limit=1024)
        slow = cls(Raw(reader, writer), writer)
        await slow.raw.send(handshake("/ws?token=slow"))
        await slow.raw.head()
        answer = await slow.command("join", room=room)
        slow.epoch, slow.offset = answer["epoch"], answer["offset"]
        writer.transport.pause_reading()
        return slow

    async def next(self, *types):
        """The next message of these types; control frames and others are passed over."""
        while True:
            opcode, payload = await self.raw.next_frame()
            if opcode == 8:
                raise AssertionError("closed: %r" % payload)
            if opcode == 1:
                message = json.loads(payload)
                if message["type"] in types:
                    return message

    async def command(self, type_, **fields):
        """Sends a command; its answer, and nothing else may come before that is of use."""
        self.number += 1
        text = json.dumps({"type": type_, "id": self.number, **fields}).encode()
        await self.raw.send(frame(1, text))
        while True:
            answer = await self.next("ok", "error", "pong")
            if answer.get("id") == self.number:
                return answer

    def read_on(self):
        # asyncio's reader pauses and resumes by itself once it is asked for bytes.
        self.writer.transport.resume_reading()


class Policy(ClusterCase):
    router_options = SLOW_ROUTER
    edge_options = SLOW_EDGE

    @classmethod
    def setUpClass(cls):
        cls.file = PolicyFile(POLICY)
        cls.router_options = SLOW_ROUTER + ("--policy-file", cls.file.path)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        os.unlink(cls.file.path)

    async def say(self, client, room, count):
        for n in range(count):
            await client.ok("room_message", room=room, payload=n)

    async def kept(self, client, room):
        return [m["payload"] for m in (await client.ok("history", room=room))["messages"]]

    async def test_history_is_kept_as_the_namespace_says(self):
        client = await self.client()
        rooms = {self.new("short:r"): 3, self.new("short"): 20, self.new("other:r"): 20}
        for room, count in rooms.items():
            await client.ok("join", room=room)
            await self.say(client, room, 25)
            self.assertEqual(len(await self.kept(client, room)), count, room)

    async def test_old_messages_are_not_given_out(self):
        client = await self.client()
        room = self.new("brief:r")
        await client.ok("join", room=room)
        await self.say(client, room, 2)

        async def gone():
            while await self.kept(client, room):
                await asyncio.sleep(0.05)
        await asyncio.wait_for(gone(), PATIENCE_S)
        answer = await client.ok("history", room=room)
        self.assertEqual((answer["offset"], answer["firstOffset"]), (2, 3))

    async def test_an_ephemeral_room_has_no_offsets_and_no_history(self):
        one, two = await self.client(edge=0), await self.client(edge=1)
        room = self.new("typing:r")
        for client in (one, two):
            answer = await client.ok("join", room=room)
            self.assertEqual((answer["offset"], answer["firstOffset"]), (0, 1))
        self.assertEqual((await one.ok("room_message", room=room, payload=1))["offset"], 0)
        self.assertNotIn("offset", await two.expect("room_message", roomId=room))
        answer = await two.ok("history", room=room)
        self.assertEqual((answer["messages"], answer["offset"]), ([], 0))

    async def test_a_policy_changes_while_the_router_runs_but_never_to_a_bad_one(self):
        client = await self.client()
        room = self.new("short:r")
        await client.ok("join", room=room)
        router = self.cluster.router
        await self.say(client, room, 5)
        self.file.write('{"namespaces":{"short":{"history":{"messages":"many"}}}}')
        router.send_signal(signal.SIGHUP)
        await eventually(lambda: router.find("reload.failed.*namespaces.short.history.messages"),
                         "the bad file is told")
        self.assertEqual(len(await self.kept(client, room)), 3)
        changed = json.loads(json.dumps(POLICY))
        changed["namespaces"]["short"]["history"]["messages"] = 1
        try:
            self.file.write(changed)
            router.send_signal(signal.SIGHUP)
            await eventually(lambda: router.find("policy file read again"), "the good one is told")
            self.assertEqual(await self.kept(client, room), [4])
        finally:
            self.file.write(POLICY)
            router.send_signal(signal.SIGHUP)
        await eventually(lambda: sum("policy file read again" in line for line in router.lines) == 2,
                         "the first one is back")

    def test_a_bad_file_ends_the_start_with_one_line(self):
        bad = PolicyFile('{"namespaces":{"chat":{"slow_reader":"wait"}}}')
        done = subprocess.run(
            [os.path.join(BIN, "splitrail-router"), "--auth", "insecure", "--policy-file", bad.path],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        os.unlink(bad.path)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertTrue(done.stderr.startswith("splitrail-router: --policy-file "), done.stderr)
        for part in (bad.path, "namespaces.chat.slow_reader", '"wait"', "disconnect, gap"):
            self.assertIn(part, done.stderr)

    async def flood(self, talker, room, enough):
        """Sends until `enough()`; the number of messages."""
        sent = 0
        while not await asyncio.to_thread(enough):
            self.assertLess(sent, 4000, "nothing happens to the slow reader")
            for _ in range(10):
                await talker.ok("room_message", room=room, payload=TEXT, echo=False)
            sent += 10
        return sent

    async def test_a_slow_reader_is_told_what_was_left_out_and_can_ask_for_it(self):
        room = self.new("feed:r")
        edge = self.cluster.edges[0]
        slow = await SlowClient.join(edge, room)
        talker, listener = await self.client(edge=1), await self.client(edge=0)
        await talker.ok("join", room=room)
        await listener.ok("join", room=room)

        def left_out():
            return edge.metrics().get("splitrail_edge_left_out_total", 0)
        before = left_out()
        sent = await self.flood(talker, room, lambda: left_out() > before + 20)
        got = await listener.settled("room_message", roomId=room)
        self.assertEqual([m["offset"] for m in got], list(range(1, sent + 1)))
        slow.read_on()
        offsets = []
        while True:
            message = await slow.next("room_message", "gap")
            if message["type"] == "gap":
                break
            offsets.append(message["offset"])
        self.assertEqual(offsets, list(range(1, len(offsets) + 1)))
        self.assertEqual((message["from"], message["to"]), (len(offsets) + 1, sent))
        while len(offsets) < sent:
            answer = await slow.command("history", room=room, limit=5,
                                        since={"epoch": slow.epoch, "offset": len(offsets)})
            self.assertTrue(answer["messages"])
            offsets += [m["offset"] for m in answer["messages"]]
        self.assertEqual(offsets, list(range(1, sent + 1)))
        await talker.ok("room_message", room=room, payload="next")
        message = await slow.next("room_message", "gap")
        self.assertEqual((message.get("offset"), message.get("payload")), (sent + 1, "next"))
        slow.raw.end()

    async def test_in_another_room_a_slow_reader_is_closed(self):
        room = self.new("whole:r")
        edge = self.cluster.edges[0]
        key = 'ws_disconnections_total{server_id="%s",reason="slow_consumer"}' % edge.id
        before = edge.metrics().get(key, 0)
        slow = await SlowClient.join(edge, room)
        talker, listener = await self.client(edge=1), await self.client(edge=0)
        await talker.ok("join", room=room)
        await listener.ok("join", room=room)
        sent = await self.flood(talker, room, lambda: edge.metrics().get(key, 0) > before)
        got = await listener.settled("room_message", roomId=room)
        self.assertEqual([m["offset"] for m in got], list(range(1, sent + 1)))
        slow.writer.transport.abort()


class Restart(FreshClusterCase):
    edges = 1

    async def asyncSetUp(self):
        self.file = PolicyFile(POLICY)
        self.router_options = SLOW_ROUTER + ("--policy-file", self.file.path)
        self.edge_options = SLOW_EDGE
        await super().asyncSetUp()

    async def asyncTearDown(self):
        await super().asyncTearDown()
        os.unlink(self.file.path)

    async def told(self, slow, count):
        """The next `count` numbers that it hears of, by message or gap, and the gaps."""
        numbers, gaps = [], []
        while len(numbers) < count:
            message = await slow.next("room_message", "gap", "epoch")
            self.assertNotEqual(message["type"], "epoch", (numbers[-3:], message))
            if message["type"] == "room_message":
                numbers.append(message["offset"])
            elif message["to"] != 0:  # 0: of joins and leaves
                gaps.append(message)
                numbers += range(message["from"], message["to"] + 1)
        return numbers, gaps

    async def test_who_was_slow_while_the_router_died_is_told_the_new_epoch_and_the_gap(self):
        edge = self.cluster.edges[0]
        slow = await SlowClient.join(edge, "feed:r")
        talker = await self.client(token="talker")
        await talker.ok("join", room="feed:r")

        def left_out():
            now = edge.metrics()
            return (now.get("splitrail_edge_lagging", 0) == 1
                    and now.get("splitrail_edge_left_out_total", 0) > 20)
        sent = 0
        while not await asyncio.to_thread(left_out):
            self.assertLess(sent, 4000)
            await talker.ok("room_message", room="feed:r", payload=TEXT, echo=False)
            sent += 1
        self.cluster.router.kill()
        await asyncio.to_thread(self.cluster.start_router)
        epoch = await talker.expect("epoch", roomId="feed:r")
        for n in range(3):
            await talker.ok("room_message", room="feed:r", payload=n)
        slow.read_on()
        # First what it lacks of the life that ended.
        told, gaps = await self.told(slow, sent)
        self.assertEqual(told, list(range(1, sent + 1)))
        self.assertIn(slow.epoch, [gap.get("epoch") for gap in gaps])
        message = await slow.next("room_message", "gap", "epoch")
        self.assertEqual((message["type"], message["epoch"]), ("epoch", epoch["epoch"]), message)
        self.assertEqual((await self.told(slow, 3))[0], [1, 2, 3])
        await talker.ok("room_message", room="feed:r", payload="next")
        message = await slow.next("room_message", "gap", "epoch")
        self.assertEqual((message["type"], message["offset"]), ("room_message", 4))
        slow.raw.end()


if __name__ == "__main__":
    unittest.main(verbosity=2)
