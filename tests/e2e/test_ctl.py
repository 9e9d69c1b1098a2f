"""splitrailctl: what an operator sees and does."""

import json
import os
import subprocess
import unittest

from clients import ClusterCase
from cluster import BIN, eventually, free_port


class Ctl(ClusterCase):
    async def test_presence_of_a_user_tells_its_connections(self):
        name = self.new("seen")
        room = self.new()
        one = await self.client(name, edge=0, user_agent_header="e2e/1")
        await self.client(name, edge=1)
        await one.ok("join", room=room)
        answer = self.cluster.ctl("presence", "user", one.user)
        self.assertIn("asOf", answer)
        self.assertIs(answer["synced"], True)
        user = answer["users"][0]
        self.assertEqual((user["userId"], user["online"], user["connections"]), (one.user, True, 2))
        text = json.dumps(answer)
        for part in ("edge-1", "edge-2", "127.0.0.1", "e2e/1", room, one.id):
            self.assertIn(part, text)
        code, out, _ = self.cluster.ctl_raw("presence", "user", one.user)
        self.assertEqual(code, 0)
        self.assertIn(one.user, out)
        self.assertIn("edge-2", out)

    async def test_presence_of_a_room_tells_its_members(self):
        room = self.new()
        members = [await self.client(edge=i % 2) for i in range(3)]
        for member in members:
            await member.ok("join", room=room)
        answer = self.cluster.ctl("presence", "room", room)
        self.assertEqual(answer["total"], 3)
        self.assertEqual({m["userId"] for m in answer["members"]}, {m.user for m in members})

    async def test_lists_can_be_narrowed_and_limited(self):
        prefix = self.new("pre")
        clients = [await self.client("%s-%d" % (prefix, i), edge=i % 2) for i in range(5)]
        room = prefix + ":room"
        await clients[0].ok("join", room=room)
        users = self.cluster.ctl("users", "--prefix", "user_" + prefix)
        self.assertEqual(len(users["users"]), 5)
        users = self.cluster.ctl("users", "--prefix", "user_" + prefix, "--limit", "2")
        self.assertEqual((len(users["users"]), users["total"]), (2, 5))
        rooms = self.cluster.ctl("rooms", "--prefix", prefix)
        self.assertEqual([r["roomId"] for r in rooms["rooms"]], [room])
        conns = self.cluster.ctl("conns", "--user", clients[3].user)
        self.assertEqual([c["connectionId"] for c in conns["connections"]], [clients[3].id])
        conns = self.cluster.ctl("conns", "--edge", "edge-2", "--limit", "1000")
        self.assertTrue(all(c["edge"] == "edge-2" for c in conns["connections"]))
        self.assertEqual(self.cluster.ctl("conn", clients[0].id)["connection"]["userId"], clients[0].user)

    async def test_edges_stats_version_and_health_answer(self):
        edges = self.cluster.ctl("edges")["edges"]
        self.assertEqual({e["edgeId"] for e in edges}, {"edge-1", "edge-2"})
        self.assertEqual({e["state"] for e in edges}, {"up"})
        for command in ("stats", "version", "health"):
            self.assertTrue(self.cluster.ctl(command))
            code, out, _ = self.cluster.ctl_raw(command)
            self.assertEqual(code, 0)
            self.assertTrue(out.strip())

    async def test_publish_and_send_reach_clients(self):
        room = self.new()
        client = await self.client(edge=1)
        await client.ok("join", room=room)
        answer = self.cluster.ctl("publish", room, '{"from":"operator","n":1e400}')
        self.assertEqual(answer["offset"], 1)
        _, raw = await client.expect_raw("room_message", roomId=room)
        self.assertIn('{"from":"operator","n":1e400}', raw)
        self.cluster.ctl("send", client.user, '"hello"')
        self.assertEqual((await client.expect("direct_message"))["payload"], "hello")

    async def test_kick_closes_with_4003(self):
        name = self.new("kicked")
        one, two = await self.client(name, edge=0), await self.client(name, edge=1)
        self.cluster.ctl("kick", "conn", one.id)
        self.assertEqual((await one.closed())[0], 4003)
        await two.ok("ping")
        self.cluster.ctl("kick", "user", two.user)
        self.assertEqual((await two.closed())[0], 4003)
        await eventually(lambda: not self.cluster.presence(two.user)["online"], "offline")

    async def test_kick_out_of_one_room_leaves_the_connection(self):
        room = self.new()
        client, other = await self.client(edge=0), await self.client(edge=1)
        await client.ok("join", room=room)
        await other.ok("join", room=room)
        self.cluster.ctl("kick", "user", client.user, "--room", room)
        self.assertEqual((await client.expect("kicked"))["roomId"], room)
        await other.expect("user_left", userId=client.user)
        self.assertEqual((await client.error("room_message", room=room, payload=1))["code"],
                         "not_member")

    async def test_kick_finds_nobody_where_nobody_is_connected(self):
        client, room = await self.client(), self.new()
        await client.ok("join", room=room)
        other = self.new()
        await (await self.client()).ok("join", room=other)
        for args in [client.user, "--room", other], [client.user, "--room", self.new()]:
            self.assertEqual(self.cluster.ctl_raw("kick", "user", *args)[0], 3)
        await client.ok("ping")
        self.assertEqual(self.cluster.ctl_raw("kick", "user", client.user)[0], 0)
        await client.closed()
        await eventually(lambda: not self.cluster.ctl("conns", "--user", client.user)["connections"],
                         "it is gone")
        code, _, err = self.cluster.ctl_raw("kick", "user", client.user)  # known for --presence-grace
        self.assertEqual(code, 3, err)

    async def test_exit_codes_tell_what_happened(self):
        rows = [
            (1, []),
            (1, ["dance"]),
            (1, ["presence", "user"]),
            (1, ["publish", "room"]),
            (3, ["conn", "edge-1.ffff.1"]),
            (3, ["kick", "user", "user_" + self.new("nobody")]),
            (3, ["kick", "conn", "edge-1.ffff.1"]),
            (0, ["health"]),
        ]
        for expected, args in rows:
            with self.subTest(args=args):
                code, _, err = self.cluster.ctl_raw(*args)
                self.assertEqual(code, expected, err)
                if code != 0:
                    self.assertTrue(err.strip())
        nobody = subprocess.run(
            [os.path.join(BIN, "splitrailctl"), "--router", "tcp://127.0.0.1:%d" % free_port(),
             "--timeout", "300ms", "health"], capture_output=True, text=True, timeout=30)
        self.assertEqual(nobody.returncode, 2, nobody.stderr)
        self.assertEqual(len(nobody.stderr.strip().splitlines()), 1)

    async def test_a_payload_that_is_no_json_is_refused(self):
        code, _, err = self.cluster.ctl_raw("publish", "some-room", "{nonsense")
        self.assertIn(code, (1, 4))
        self.assertTrue(err.strip())


if __name__ == "__main__":
    unittest.main()
