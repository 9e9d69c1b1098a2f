"""Bans and kicks: who is put out, and stays out."""

import asyncio
import os
import shutil
import tempfile
import time
import unittest

from clients import Client, ClusterCase, Raw, handshake
from cluster import eventually

CONNECTIONS = 40


class Bans(ClusterCase):
    edges = 3

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="splitrail-bans-")
        cls.router_options = ("--data-dir", os.path.join(cls.dir, "data"), "--max-bans", "20")
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.dir, ignore_errors=True)

    async def asyncTearDown(self):
        for ban in self.cluster.ctl("bans")["bans"]:
            kind = "user" if "userId" in ban else "ip"
            self.cluster.ctl("unban", kind, ban.get("userId") or ban["ip"])
        await super().asyncTearDown()

    async def refused(self, name, edge, reason):
        socket = await Client.connect(self.cluster.edges[edge], name, welcome=False)
        self.assertEqual(await socket.closed(), (4003, reason))

    async def none_returns(self, name):
        await asyncio.gather(*(self.refused(name, i % 3, "spam") for i in range(CONNECTIONS)))
        await eventually(lambda: not self.cluster.ctl("conns", "--user", "user_" + name)["connections"],
                         "nobody is left")

    async def restart_router(self):
        self.cluster.router.kill()
        self.cluster.start_router()
        await self.cluster.ready()

    async def test_a_banned_user_is_closed_everywhere_and_stays_out_over_a_restart(self):
        name = self.new("bad")
        bad = [await self.client(name, edge=i % 3) for i in range(CONNECTIONS)]
        good = await self.client()
        room = self.new()
        await good.ok("join", room=room)
        await bad[0].ok("join", room=room)
        await good.expect("user_joined", roomId=room)
        start = time.monotonic()
        answer = self.cluster.ctl("ban", "user", bad[0].user, "--reason", "spam")
        self.assertEqual(answer["closed"], CONNECTIONS)
        codes = await asyncio.gather(*(client.closed() for client in bad))
        took = time.monotonic() - start
        print("%d connections of a banned user closed in %.0f ms" % (CONNECTIONS, took * 1000))
        self.assertEqual(set(codes), {(4003, "spam")})
        await good.expect("user_left", roomId=room)
        await self.none_returns(name)
        await self.restart_router()
        await self.none_returns(name)
        self.assertIn((bad[0].user, "spam"),
                      {(b.get("userId"), b["reason"]) for b in self.cluster.ctl("bans")["bans"]})
        self.assertEqual((await good.reply("ping"))["type"], "pong")
        self.cluster.ctl("unban", "user", bad[0].user)
        back = await self.client(name, edge=2)
        self.assertEqual((await back.reply("ping"))["type"], "pong")
        self.assertEqual(self.cluster.ctl_raw("unban", "user", bad[0].user)[0], 3)

    async def test_a_ban_ends_by_itself(self):
        name = self.new("short")
        client = await self.client(name)
        self.cluster.ctl("kick", "user", client.user, "--ban", "6s", "--reason", "calm down")
        self.assertEqual(await client.closed(), (4003, "calm down"))
        await self.refused(name, 1, "calm down")
        ban = [b for b in self.cluster.ctl("bans")["bans"] if b["userId"] == client.user][0]
        self.assertLessEqual(ban["leftMs"], 6000)

        def may_come():
            return not [b for b in self.cluster.ctl("bans")["bans"] if b["userId"] == client.user]
        await eventually(may_come, "the end of the ban")
        await self.client(name, edge=1)

    async def test_kick_of_a_connection_with_a_ban_is_one_of_its_user(self):
        name = self.new("both")
        one, two = await self.client(name, edge=0), await self.client(name, edge=2)
        answer = self.cluster.ctl("kick", "conn", one.id, "--ban", "10m")
        self.assertEqual(answer["kicked"], 2)
        self.assertEqual((await one.closed())[0], 4003)
        self.assertEqual((await two.closed())[0], 4003)
        self.assertEqual(self.cluster.ctl_raw("kick", "user", one.user, "--ban", "10m", "--room", "r")[0], 1)

    async def test_a_banned_address_is_turned_away_at_the_door_of_every_edge(self):
        client = await self.client(edge=1)
        self.cluster.ctl("ban", "ip", "127.0.0.0/8")
        self.assertEqual((await client.closed())[0], 4003)

        def known():
            return all(edge.metrics()["splitrail_edge_banned_ranges"] == 1 for edge in self.cluster.edges)
        await eventually(known, "the range at all edges")
        for edge in self.cluster.edges:
            raw = await Raw.open(edge.port)
            await raw.send(handshake())
            self.assertIn(b" 403 ", await raw.head())
            raw.end()
            self.assertGreaterEqual(edge.metrics()['splitrail_edge_refused_total{reason="banned"}'], 1)
        await self.restart_router()
        for edge in self.cluster.edges:
            raw = await Raw.open(edge.port)
            await raw.send(handshake())
            self.assertIn(b" 403 ", await raw.head())
            raw.end()
        self.assertEqual(self.cluster.ctl_raw("unban", "ip", "127.0.0.1")[0], 3)
        self.cluster.ctl("unban", "ip", "127.0.0.0/8")

        def gone():
            return all(edge.metrics()["splitrail_edge_banned_ranges"] == 0 for edge in self.cluster.edges)
        await eventually(gone, "the end of it at all edges")
        await self.client(edge=1)

    async def test_what_cannot_be_banned_is_refused_with_a_reason(self):
        for words in (("ip", "nonsense"), ("ip", "0.0.0.0/0"), ("ip", "::/0"), ("ip", "::/64"), ("user", "a\nb")):
            code, _, err = self.cluster.ctl_raw("ban", *words)
            self.assertEqual(code, 1, words)
            self.assertTrue(err.startswith("splitrailctl: "))
        for i in range(20):
            self.cluster.ctl("ban", "user", "many-%d" % i)
        code, _, err = self.cluster.ctl_raw("ban", "user", "many-20")
        self.assertEqual(code, 4)
        self.assertIn("--max-bans", err)
        self.cluster.ctl("ban", "user", "many-3", "--reason", "again")
        metrics = self.cluster.metrics()
        self.assertEqual(metrics['splitrail_router_bans{kind="user"}'], 20)

    async def test_each_deed_of_an_operator_has_a_line_in_the_log(self):
        self.cluster.ctl("ban", "user", "logged", "--for", "1m", "--reason", "because")
        line = await eventually(lambda: self.cluster.router.find(r"admin\.action action=ban.* user=logged"),
                                "a line in the log")
        for part in ("by=", "peer=", "because", "60000"):
            self.assertIn(part, line)


class BansBehindProxies(ClusterCase):
    edge_options = ("--trusted-proxies", "127.0.0.0/8")

    async def test_the_client_is_meant_and_not_the_proxy(self):
        self.cluster.ctl("ban", "ip", "203.0.113.0/24")
        edge = self.cluster.edges[0]
        await eventually_known(edge)
        raw = await Raw.open(edge.port)
        await raw.send(handshake(more="X-Forwarded-For: 203.0.113.9\r\n"))
        self.assertIn(b" 403 ", await raw.head())
        raw.end()
        raw = await Raw.open(edge.port)
        await raw.send(handshake(more="X-Forwarded-For: 203.0.114.9\r\n"))
        self.assertIn(b" 101 ", await raw.head())
        raw.end()


async def eventually_known(edge):
    def known():
        return edge.metrics()["splitrail_edge_banned_ranges"] == 1
    await eventually(known, "the range at the edge")


if __name__ == "__main__":
    unittest.main()
