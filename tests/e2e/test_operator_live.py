"""What an operator watches live: watch, tail, trace, top."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time
import unittest

from clients import ClusterCase
from cluster import BIN, PATIENCE_S, Program, eventually


class Live(ClusterCase):
    def start(self, *args, env=None):
        """splitrailctl, running on."""
        program = Program("splitrailctl", ["splitrailctl", "--router", self.cluster.admin, *args],
                          env=env)
        program.may_die = True
        self.addCleanup(program.kill)
        return program

    async def watching(self, *args):
        program = self.start(*args)
        await eventually(lambda: program.find("watching, Ctrl-C ends"), "it watches")
        return program

    async def test_tail_shows_messages_as_they_are_said(self):
        room = self.new()
        client = await self.client()
        await client.ok("join", room=room)
        await client.ok("room_message", room=room, payload="before")
        program = await self.watching("tail", "room", room)
        await client.ok("room_message", room=room, payload={"n": 1})
        self.cluster.ctl("publish", self.new(), '"elsewhere"')
        line = await self.line_with(program, '"n"')
        self.assertRegex(line, r"^20..-..-..T..:..:..\.\d{3}Z  #2  %s  \{.*1\}$" % client.user)
        self.assertNotRegex(program.output, "before|elsewhere")
        program.send_signal(signal.SIGINT)
        self.assertEqual(program.wait(), 0)

    async def line_with(self, program, pattern):
        await eventually(lambda: program.find(pattern), pattern)
        return program.find(pattern)

    async def test_tail_as_json_is_a_document_a_line_and_ends_with_the_limit(self):
        room = self.new()
        program = await self.watching("--json", "tail", "room", room, "--limit", "2")
        for _ in range(3):
            self.cluster.ctl("publish", room, '{"a":1}')
        self.assertEqual(program.wait(), 0)
        events = [json.loads(line) for line in program.lines if line.startswith("{")]
        self.assertEqual(len(events), 2)
        self.assertEqual(events[1]["offset"], events[0]["offset"] + 1)
        self.assertEqual((events[0]["kind"], events[0]["roomId"], events[0]["payload"]),
                         ("message", room, {"a": 1}))

    async def test_watch_room_shows_who_comes_and_goes(self):
        room = self.new()
        program = await self.watching("watch", "room", room)
        client = await self.client()
        await client.ok("join", room=room)
        await client.ok("leave", room=room)
        await self.line_with(program, r"  joined  %s  %s" % (client.user, room))
        await self.line_with(program, r"  left  %s  %s  leave" % (client.user, room))

    async def test_watch_user_follows_connections_rooms_and_presence(self):
        name = self.new("seen")
        room = self.new()
        program = await self.watching("watch", "user", "user_" + name)
        client = await self.client(name, edge=1)
        await client.ok("join", room=room)
        await client.close()
        for pattern in ("connected  user_%s  %s" % (name, client.id), "online", "joined.*" + room,
                        "closed", "left.*" + room, "offline"):
            await self.line_with(program, pattern)

    async def test_watch_ends_when_the_time_is_over_or_the_router_is_not_there(self):
        program = self.start("watch", "room", "r", "--for", "300ms")
        self.assertEqual(program.wait(), 0)
        done = subprocess.run(
            [os.path.join(BIN, "splitrailctl"), "--router", "tcp://127.0.0.1:1", "--timeout",
             "300ms", "tail", "room", "r"], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 2, done.stderr)

    async def test_only_so_many_watch_at_once(self):
        programs = [await self.watching("watch", "room", "crowd") for _ in range(3)]
        for program in programs:
            program.send_signal(signal.SIGTERM)
            self.assertEqual(program.wait(), 0)
        more = [self.start("watch", "room", "crowd") for _ in range(20)]
        await eventually(lambda: sum(bool(p.find("as many watch")) for p in more) == 4 and
                         sum(bool(p.find("watching, Ctrl-C ends")) for p in more) == 16,
                         "16 watch, 4 do not")
        refused = [p for p in more if p.find("as many watch")]
        self.assertEqual({p.wait() for p in refused}, {4})
        for program in more:
            if program not in refused:
                program.send_signal(signal.SIGTERM)  # their places are free at once
                self.assertEqual(program.wait(), 0)

    def check_hops(self, told):
        """The edges' part of the way: one recipient each, all on this machine's clock."""
        self.assertEqual((told["hopsSkipped"], told["hopsOpen"]), (False, False))
        self.assertEqual(len({hop["edge"] for hop in told["hops"]}), 2)
        self.assertLessEqual(told["routerAtUs"], told["sentAtUs"])
        for hop in told["hops"]:
            self.assertEqual((hop["told"], hop["queued"], hop["written"]), (True, 1, 1))
            way = [told["sentAtUs"], hop["atUs"], hop["queuedFirstUs"], hop["writtenFirstUs"]]
            self.assertEqual(way, sorted(way))
            self.assertLessEqual(hop["queuedFirstUs"], hop["queuedLastUs"])
            self.assertLessEqual(hop["writtenFirstUs"], hop["writtenLastUs"])
            self.assertLess(hop["writtenLastUs"] - told["routerAtUs"], 60000000)

    async def test_trace_shows_the_way_of_a_message(self):
        room = self.new()
        client = await self.client()
        other = await self.client(edge=1)
        await client.ok("join", room=room)
        await other.ok("join", room=room)
        by_room = await self.watching("trace", "room", room)
        by_user = await self.watching("--json", "trace", "user", client.user, "--limit", "1")
        await client.ok("room_message", room=room, payload=1)
        self.assertEqual(by_user.wait(), 0)
        event = json.loads(by_user.lines[-1])
        self.assertLessEqual(event["edgeAt"], event["routerAt"])
        self.assertLessEqual(event["routerAt"], event["sentAt"])
        self.assertLess(event["sentAt"] - event["edgeAt"], 60000)
        self.assertEqual((event["edges"], event["connections"]), (2, 2))
        await self.line_with(by_room, "room %s #1 from %s, 1B" % (room, client.user))
        await self.line_with(by_room, r"came to the router  *20\S+\.\d{6}Z  \+\d+\.\d{3}ms")
        await self.line_with(by_room, "to 2 connections on 2 edges")
        later = self.cluster.ctl("trace", "message", room, "1")["message"]
        self.assertEqual((later["offset"], later["userId"], later["edges"]), (1, client.user, 2))
        self.assertEqual((later["bytes"], "payload" in later), (1, False))
        await self.line_with(by_room, r"written  *by 1 connection  \+\d+\.\d{3}ms to \+")
        for told in (event, later):
            self.check_hops(told)
        code, out, err = self.cluster.ctl_raw("trace", "message", room, "1")
        self.assertEqual(code, 0, err)
        self.assertIn("came to the router", out)
        code, _, err = self.cluster.ctl_raw("trace", "message", room, "99999")
        self.assertEqual(code, 3)
        self.assertIn("sampled", err)

    async def test_top_shows_screens_one_after_the_other_where_there_is_no_terminal(self):
        room = self.new()
        program = self.start("top", "--interval", "300ms")
        done = time.monotonic() + PATIENCE_S
        while not program.find("^%s +" % re.escape(room)) and time.monotonic() < done:
            self.cluster.ctl("publish", room, "1")
        program.send_signal(signal.SIGINT)
        self.assertEqual(program.wait(), 0)
        text = program.output
        self.assertRegex(text, r"(?m)^%s +\d" % re.escape(room))
        self.assertRegex(text, r"(?m)^edge-1 +up")
        self.assertIn("HOT ROOM", text)
        self.assertNotIn("\033", text)
        looks = self.start("--json", "top", "--interval", "300ms", "--limit", "2")
        self.assertEqual(looks.wait(), 0)
        documents = [json.loads(line) for line in looks.lines]
        self.assertEqual(len(documents), 2)
        self.assertIsNone(documents[0]["deliveriesPerSecond"])
        self.assertIsInstance(documents[1]["deliveriesPerSecond"], float)
        self.assertEqual({e["edgeId"] for e in documents[1]["edges"]}, {"edge-1", "edge-2"})


class Terminal(ClusterCase):
    def read_until(self, master, parts):
        """What the terminal was sent, until it holds all parts."""
        got = b""
        done = time.monotonic() + PATIENCE_S
        while time.monotonic() < done and not all(part in got for part in parts):
            if select.select([master], [], [], 0.2)[0]:
                try:
                    got += os.read(master, 65536)
                except OSError:
                    break
        for part in parts:
            self.assertIn(part, got)
        return got

    def on_terminal(self, *args, env=None):
        master, slave = pty.openpty()
        environ = dict(os.environ, TERM="xterm", COLUMNS="80")
        environ.pop("NO_COLOR", None)
        environ.update(env or {})
        process = subprocess.Popen(
            [os.path.join(BIN, "splitrailctl"), "--router", self.cluster.admin, *args],
            stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True)
        os.close(slave)
        self.addCleanup(os.close, master)
        self.addCleanup(process.wait, PATIENCE_S)
        return process, master

    def test_top_draws_a_screen_and_q_gives_the_terminal_back(self):
        process, master = self.on_terminal("top", "--interval", "300ms")
        got = self.read_until(master, [b"\033[?1049h", b"\033[H", b"edge-1", b"q ends"])
        self.assertIn(b"\033[1m", got)
        self.read_until(master, [b"\033[H"])
        os.write(master, b"q")
        self.read_until(master, [b"\033[?25h\033[?1049l"])
        self.assertEqual(process.wait(PATIENCE_S), 0)

    def test_a_signal_gives_the_terminal_back_too(self):
        process, master = self.on_terminal("top")
        self.read_until(master, [b"edge-1"])
        process.terminate()
        self.read_until(master, [b"\033[?1049l"])
        self.assertEqual(process.wait(PATIENCE_S), 0)

    def test_colours_are_for_terminals_that_want_them(self):
        for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
            with self.subTest(env=env):
                process, master = self.on_terminal("edges", env=env)
                got = self.read_until(master, [b"synced"])
                self.assertEqual(b"\033[1mEDGE" in got, coloured)
                self.assertEqual(process.wait(PATIENCE_S), 0)

    def test_a_dumb_terminal_gets_plain_screens(self):
        process, master = self.on_terminal("top", "--limit", "2", "--interval", "300ms",
                                           env={"TERM": "dumb"})
        got = self.read_until(master, [b"HOT ROOM"])
        self.assertNotIn(b"\033", got)
        while process.poll() is None:
            if select.select([master], [], [], 0.2)[0]:
                try:
                    os.read(master, 65536)
                except OSError:
                    break
        self.assertEqual(process.wait(PATIENCE_S), 0)


if __name__ == "__main__":
    unittest.main()
