"""When the disk, or another router, takes the data directory away: nobody is told `ok` for what is
not safe, everybody is told why, what needs no disk goes on, and all is well again afterwards."""

import asyncio
import json
import os
import resource
import shutil
import subprocess
import tempfile
import time
import unittest

from clients import FreshClusterCase
from cluster import Program, eventually, free_port, http_get

POLICY = {
    "default": {"history": {"messages": 5000}},
    "namespaces": {"flash": {"class": "ephemeral"}, "mem": {"class": "memory"}},
}
UNLIMITED = resource.RLIM_INFINITY


class TroubleCase(FreshClusterCase):
    edges = 1

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="splitrail-data-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.data = os.path.join(self.dir, "data")

    async def asyncSetUp(self):
        policy = os.path.join(self.dir, "policy.json")
        with open(policy, "w") as out:
            json.dump(POLICY, out)
        self.router_options = ["--data-dir", self.data, "--policy-file", policy,
                               "--max-messages-per-second", "0", "--max-bytes-per-second", "0"]
        await super().asyncSetUp()
        self.room = self.new()
        self.accepted = []

    async def member(self, room=None):
        client = await self.client()
        await client.ok("join", room=room or self.room)
        return client

    async def say(self, client, payload):
        """True when it was acknowledged, which is noted; else it was `unavailable`."""
        answer = await client.reply("room_message", room=self.room, payload=payload)
        if answer["type"] == "ok":
            self.accepted.append(payload)
            return True
        self.assertEqual(answer["code"], "unavailable")
        return False

    async def expect_log(self, client):
        """The log holds what was acknowledged, in that order, and nothing else; of much of it an answer
        gives the newest."""
        answer = await client.ok("history", room=self.room, limit=1000)
        payloads = [m["payload"] for m in answer["messages"]]
        self.assertGreaterEqual(len(payloads), min(len(self.accepted), 20))
        self.assertTrue(payloads == self.accepted[-len(payloads):])

    async def expect_heard(self, client):
        """A member was told all that was acknowledged, in that order, and nothing else."""
        await client.ok("ping")
        heard = [m for m in client.heard("room_message") if m["roomId"] == self.room]
        self.assertEqual(len(heard), len(self.accepted))
        self.assertTrue([m["payload"] for m in heard] == self.accepted)


class Disk(TroubleCase):
    def not_ready_reasons(self):
        status, _, body = http_get(self.cluster.http_port, "/ready")
        return [] if status == 200 else json.loads(body)["reasons"]

    async def others_go_on(self, alice, bob):
        for room in ("flash:a", "mem:a"):
            await alice.ok("join", room=room)
            await bob.ok("join", room=room)
            await alice.ok("room_message", room=room, payload="no disk needed")
            await bob.expect("room_message", roomId=room)

    async def run_trouble(self, begin, size, end):
        """From before the disk is in trouble until after the next start of the router; the reason that
        was told."""
        alice, bob = await self.member(), await self.member()
        for number in range(5):
            self.assertTrue(await self.say(alice, ["before", number]))
        begin()
        while await self.say(alice, "x" * size):
            self.assertLess(len(self.accepted), 1000)
        reasons = await eventually(self.not_ready_reasons, "/ready says that something is wrong")
        for number in range(5):
            self.assertFalse(await self.say(alice, ["refused", number]))
        self.assertIsNotNone(self.cluster.router.find("store.trouble .*" + reasons[0]))
        self.assertEqual(self.cluster.metrics()["splitrail_router_store_trouble"], 1)
        await self.others_go_on(alice, bob)
        await self.expect_log(bob)
        end()
        await self.cluster.ready()
        self.assertEqual(self.cluster.metrics()["splitrail_router_store_trouble"], 0)
        for number in range(5):
            self.assertTrue(await self.say(alice, ["well again", number]))
        await self.expect_heard(bob)
        await self.expect_log(bob)
        self.cluster.router.kill()
        await asyncio.to_thread(self.cluster.start_router)
        await self.cluster.ready()
        await self.expect_log(await self.member())
        return reasons[0]


class FileSize(Disk):
    async def test_a_limit_on_the_size_of_files_is_like_a_full_disk(self):
        def limit(size):
            resource.prlimit(self.cluster.router.pid, resource.RLIMIT_FSIZE, (size, UNLIMITED))

        reason = await self.run_trouble(lambda: limit(256 << 10), 1000, lambda: limit(UNLIMITED))
        self.assertEqual(reason, "the limit on the size of files is reached")


class FullDisk(Disk):
    """On a small file system of its own."""

    def setUp(self):
        super().setUp()
        os.mkdir(self.data, 0o700)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", self.data],
                              capture_output=True)
        if done.returncode != 0:
            self.skipTest("needs the right to mount")
        self.addCleanup(subprocess.run, ["umount", "-l", self.data], capture_output=True)

    def make_larger(self):
        subprocess.run(["mount", "-o", "remount,size=64m", self.data], check=True)

    async def test_a_full_disk_refuses_and_space_mends_it(self):
        reason = await self.run_trouble(lambda: None, 20000, self.make_larger)
        self.assertEqual(reason, "the disk is full")


class Fenced(TroubleCase):
    def start_other(self):
        """A router that is handed the directory although another one has it: the file by which a
        directory is held is put aside, as a file system does that lost its locks."""
        os.unlink(os.path.join(self.data, "lock"))
        port = free_port()
        other = self.cluster.run(
            "other router", "splitrail-router", "--auth", "insecure", "--data-dir", self.data,
            "--bind", "tcp://127.0.0.1:%d" % free_port(), "--admin-bind",
            "tcp://127.0.0.1:%d" % free_port(), "--http-listen", "127.0.0.1:%d" % port)
        return other, port

    async def test_the_older_of_two_routers_acknowledges_nothing_more_and_ends(self):
        alice, bob = await self.member(), await self.member()
        for number in range(5):
            self.assertTrue(await self.say(alice, ["before", number]))
        other, port = self.start_other()
        await eventually(lambda: other.find(" ready "), "the other router runs")
        older = self.cluster.router
        older.may_die = True
        late = asyncio.create_task(self.say(alice, "late"))
        self.assertEqual(await asyncio.to_thread(older.wait), 1)
        self.assertIsNotNone(older.find("store.fenced.*" + self.data))
        self.assertFalse(late.done())
        other.kill()
        await asyncio.to_thread(self.cluster.start_router)
        self.assertTrue(await late)
        await self.cluster.ready()
        await self.expect_heard(bob)
        await self.expect_log(await self.member())

    async def test_a_directory_that_is_in_use_is_refused(self):
        second = Program("second router", [
            "splitrail-router", "--auth", "insecure", "--data-dir", self.data,
            "--bind", "tcp://127.0.0.1:%d" % free_port(), "--http-listen", "off"])
        self.assertEqual(second.wait(), 1)
        self.assertIn("is in use by another process", second.output)
        self.assertTrue(self.cluster.router_ready())


class Room(FreshClusterCase):
    edges = 1

    async def asyncSetUp(self):
        self.dir = tempfile.mkdtemp(prefix="splitrail-data-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.router_options = ["--data-dir", self.dir, "--max-data", "4MiB", "--max-messages-per-second", "0",
                               "--max-bytes-per-second", "0", "--max-new-rooms-per-minute-per-user", "0"]
        await super().asyncSetUp()

    async def test_names_without_end_do_not_fill_the_disk_nor_stop_others(self):
        good = await self.client()
        mallory = await self.client()
        room = self.new()
        await good.ok("join", room=room)
        await good.ok("room_message", room=room, payload="before")
        text = "x" * 40000
        for n in range(400):
            answer = await mallory.reply("direct_message", targetUserId="nobody-%d" % n, payload=text)
            if answer["type"] != "ok":
                break
        self.assertEqual(answer["code"], "unavailable")
        await good.ok("room_message", room=room, payload="after")
        log = await good.ok("history", room=room)
        self.assertEqual([m["payload"] for m in log["messages"]], ["before", "after"])
        self.assertTrue(self.cluster.router.find("store.full.*without a log.*max_bytes=4194304"))
        metrics = self.cluster.metrics()
        self.assertEqual(metrics["splitrail_router_store_no_room_total"], 1)
        self.assertLess(metrics["splitrail_router_store_used_bytes"],
                        metrics["splitrail_router_store_max_bytes"])
        self.assertEqual(http_get(self.cluster.http_port, "/ready")[0], 200)
        files = sum(os.path.getsize(os.path.join(self.dir, name)) for name in os.listdir(self.dir))
        self.assertLess(files, 3 * 4194304)  # the write-ahead log is not counted


class NewRooms(FreshClusterCase):
    """A user may begin so many logs a minute, half of them just after a start."""
    edges = 2
    RATE = 20

    async def asyncSetUp(self):
        self.dir = tempfile.mkdtemp(prefix="splitrail-data-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.router_options = ["--data-dir", self.dir, "--max-new-rooms-per-minute-per-user", str(self.RATE)]
        await super().asyncSetUp()

    async def test_who_invents_names_is_told_to_wait_on_all_devices_and_nobody_else(self):
        mallory, good = self.new("mallory"), await self.client()
        devices = [await self.client(mallory, edge=i % 2) for i in range(2)]
        started = time.monotonic()
        answers = [await devices[n % 2].reply("direct_message", targetUserId="nobody-%d" % n, payload="x")
                   for n in range(self.RATE * 2)]
        came = [answer["type"] for answer in answers].count("ok")
        self.assertGreaterEqual(came, self.RATE // 2)
        self.assertLessEqual(came, self.RATE // 2 + (time.monotonic() - started) * self.RATE / 60 + 1)
        refused = next(answer for answer in answers if answer["type"] == "error")
        self.assertEqual((refused["code"], refused["error"]),
                         ("message_rate_exceeded", "too many new rooms and inboxes"))
        self.assertTrue(0 < refused["retryAfterMs"] <= 60000 / self.RATE, refused)
        await devices[0].ok("direct_message", targetUserId="nobody-0", payload="there is an inbox")
        await good.ok("direct_message", targetUserId="somebody", payload="x")
        metrics = self.cluster.metrics()
        self.assertEqual(metrics['splitrail_router_rate_limited_total{reason="user_new_rooms"}'],
                         len(answers) - came)
        self.assertEqual(metrics['splitrail_router_rate_limited_total{reason="messages"}'], 0)


if __name__ == "__main__":
    unittest.main()
