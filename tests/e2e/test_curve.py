"""CURVE between the planes: who gets in, who does not, and what one bad edge can do to others."""

import asyncio
import os
import signal
import stat
import subprocess
import unittest

from clients import Client
from cluster import BIN, PATIENCE_S, bearable, eventually, free_port
from curve import (ANNOUNCE_END, ANNOUNCE_GROUP, CLOSED, TEXT, CurveCluster, HostileEdge, Keys,
                   batch, data, group, hello)


class CurveCase(unittest.IsolatedAsyncioTestCase):
    router_options = ()

    def setUp(self):
        self.keys = Keys("edge-1", "edge-2", "edge-3")
        self.cluster = CurveCluster(self.keys, self.router_options)
        self.others = []
        self.cluster.add()

    def tearDown(self):
        for other in self.others:
            other.close() if isinstance(other, HostileEdge) else other.program.kill()
        self.cluster.close()
        self.keys.remove()

    def stray(self, *args, **options):
        """An edge that is not expected to become ready."""
        edge = self.cluster.add(*args, wait=False, **options)
        edge.program.may_die = True
        self.others.append(edge)
        return edge

    def hostile(self, key, **options):
        edge = HostileEdge(self.cluster, key, **options)
        self.others.append(edge)
        return edge

    async def said(self, pattern, program=None):
        return await eventually(lambda: (program or self.cluster.router).find(pattern), pattern)

    async def talks(self, *clients):
        """Everybody hears everybody."""
        for speaker in clients:
            await speaker.ok("room_message", room="lobby", payload={"by": speaker.user})
            for hearer in clients:
                if hearer is not speaker:
                    await hearer.expect("room_message", payload={"by": speaker.user})

    async def bystanders(self):
        pair = [await Client.connect(self.cluster.edges[0], name) for name in ("ann", "ben")]
        for client in pair:
            await client.ok("join", room="lobby")
        return pair

    def reload(self, *names, lines=()):
        self.keys.write(self.keys.allowed, *names, lines=lines)
        self.cluster.router.send_signal(signal.SIGHUP)


class WhoGetsIn(CurveCase):
    async def test_a_cluster_with_keys_works_and_survives_its_router(self):
        self.cluster.add()
        clients = [await Client.connect(edge, "u%d" % i)
                   for i, edge in enumerate(self.cluster.edges)]
        for client in clients:
            await client.ok("join", room="lobby")
        await self.talks(*clients)
        self.assertEqual(len(self.cluster.ctl("edges")["edges"]), 2)
        self.cluster.router.kill()
        self.cluster.start_router()
        await self.cluster.ready()
        await self.talks(*clients)

    async def test_an_edge_that_takes_another_for_its_router_does_not_get_in(self):
        edge = self.stray(self.keys.edge_options("edge-2", server="stranger"))
        await self.said("link.refused.*is the server key the router's", edge.program)
        await self.said("curve.refused.*address=127.0.0.1.*another server key")
        before = self.cluster.metrics()['splitrail_router_curve_refused_total{reason="handshake"}']
        await asyncio.sleep(3)
        after = self.cluster.metrics()['splitrail_router_curve_refused_total{reason="handshake"}']
        self.assertLess(after - before, 9, "it tries again hotly")
        self.assertEqual(sum("link.refused" in line for line in edge.program.lines), 1)
        # Once for each peer and reason; of one that has gone already the address is not known.
        told = [line[line.index("curve.refused"):] for line in self.cluster.router.lines
                if "curve.refused" in line]
        self.assertEqual(sorted(told), sorted(set(told)))

    async def test_a_key_that_is_not_in_the_list_does_not_get_in_until_it_is(self):
        edge = self.stray(self.keys.edge_options("stranger"), id="edge-9")
        await self.said("link.refused.*does not allow our key", edge.program)
        await self.said("curve.refused.*not in the list")
        self.reload("edge-1", lines=[self.keys.line("stranger", "edge-9")])
        await eventually(edge.ready, "the edge is let in now")

    async def test_a_good_key_is_no_good_for_another_edges_id(self):
        edge = self.stray(self.keys.edge_options("edge-3"), id="edge-1")
        await self.said("link.refused.*allowed for another --id", edge.program)
        await self.said("link.refused.*edge=edge-1.*allowed for another --id")
        self.assertGreater(self.cluster.metrics()["splitrail_router_plane_impostors_total"], 0)

    async def test_a_prefix_lets_a_key_speak_as_any_edge_that_begins_so(self):
        self.reload("edge-1", lines=[self.keys.line("stranger", "pool-*")])
        await self.said("allowed keys read again")
        edge = self.stray(self.keys.edge_options("stranger"), id="pool-7")
        await eventually(edge.ready, "the edge of the pool")

    async def test_without_keys_an_edge_does_not_get_in(self):
        edge = self.stray([])
        await self.said("link.refused.*one side speaks CURVE", edge.program)
        await self.said("curve.refused.*(speaks without CURVE|went away)")

    async def test_with_keys_an_edge_does_not_talk_to_a_plain_router(self):
        port = free_port()
        plane = "tcp://127.0.0.1:%d" % port
        plain = self.cluster.run("plain", "splitrail-router", "--bind", plane, "--admin-bind",
                                 "tcp://127.0.0.1:%d" % free_port(), "--http-listen", "off",
                                 "--auth", "insecure")
        self.cluster.plane = plane
        edge = self.stray(self.keys.edge_options("edge-2"))
        await self.said("link.refused.*one side speaks CURVE", edge.program)
        self.assertTrue(plain.running())

    async def test_a_removed_key_counts_at_once_and_its_edge_is_given_up(self):
        self.cluster.add()
        ann = await Client.connect(self.cluster.edges[0], "ann")
        ben = await Client.connect(self.cluster.edges[1], "ben")
        for client in (ann, ben):
            await client.ok("join", room="lobby")
        await self.talks(ann, ben)
        self.reload("edge-1")
        await self.said("edge.down.*edge=edge-2.*not allowed any more")
        await self.said("link.refused.*does not allow our key", self.cluster.edges[1].program)
        await ann.ok("room_message", room="lobby", payload="for few")
        self.assertEqual([m for m in ben.heard("room_message") if m["payload"] == "for few"], [])
        self.assertEqual([e["edgeId"] for e in self.cluster.ctl("edges")["edges"]], ["edge-1"])
        self.reload("edge-1", "edge-2")
        await self.cluster.ready()
        await ben.closed()

    async def test_a_bad_list_changes_nothing(self):
        self.reload("edge-1", lines=["nonsense edge-4\n"])
        await self.said("reload.failed.*edges: line 3: does not begin with a public key")
        self.reload("edge-1", "operator")
        await self.said("reload.failed.*edges and operators need keys of their own")
        self.assertEqual(len(self.cluster.ctl("edges")["edges"]), 1)


class Operators(CurveCase):
    def ctl(self, key, *more):
        done = subprocess.run(
            [os.path.join(BIN, "splitrailctl"), "--router", self.cluster.admin, "--timeout", "20s",
             *(self.keys.edge_options(key) if key else ()), *more, "edges"],
            capture_output=True, text=True, timeout=PATIENCE_S)
        return done.returncode, done.stderr

    async def test_operators_need_a_key_of_theirs(self):
        self.assertEqual(self.ctl("operator")[0], 0)
        code, error = self.ctl("edge-1")
        self.assertEqual(code, 4)
        self.assertIn("does not allow our key", error)
        code, error = self.ctl(None)
        self.assertEqual(code, 4)
        self.assertIn("CURVE", error)
        self.keys.write(self.keys.operators)
        self.cluster.router.send_signal(signal.SIGHUP)
        await self.said("allowed keys read again.*operators=0")
        self.assertEqual(self.ctl("operator")[0], 4)

    async def test_plain_off_this_machine_must_be_asked_for(self):
        done = subprocess.run([os.path.join(BIN, "splitrailctl"), "--router", "tcp://10.9.9.9:1", "users"],
                              capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 1)
        self.assertIn("--insecure-plane", done.stderr)

    async def test_keygen_writes_what_the_programs_read_and_nothing_twice(self):
        mode = os.stat(self.keys.path("router.key")).st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        done = subprocess.run([os.path.join(BIN, "splitrailctl"), "keygen", self.keys.path("router")],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 4)
        self.assertIn("not overwritten", done.stderr)

    async def test_a_secret_that_others_can_read_is_refused(self):
        os.chmod(self.keys.path("edge-2.key"), 0o640)
        edge = self.stray(self.keys.edge_options("edge-2"))
        self.assertNotEqual(edge.program.wait(), 0)
        self.assertIn("chmod 600", edge.program.output)


class Hostile(CurveCase):
    router_options = ("--max-rooms-per-edge", "1000", "--max-users-per-edge", "1000")

    async def check(self, pair):
        """Nobody else has noticed anything."""
        await self.talks(*pair)
        for client in pair:
            self.assertFalse(client.ended)
        await eventually(self.cluster.edges[0].ready, "the edge is well")
        self.assertEqual(sum("edge.up" in l and "edge=edge-1" in l for l in self.cluster.router.lines), 1)

    async def test_frames_in_the_name_of_others_reach_nobody(self):
        pair = await self.bystanders()
        enemy = self.hostile("edge-2")
        enemy.say(*[hello(b"edge-1")] * 200)
        self.assertIn(b"another --id", await asyncio.to_thread(enemy.hear))
        enemy.say(hello(b"edge-2"))
        self.assertIsNotNone(await asyncio.to_thread(enemy.hear))
        # Connections of its own slots only: what it closes there is not theirs.
        enemy.say(batch(1, [(ANNOUNCE_END, 0, 0, 0, 0, b"")]),
                  batch(2, [(CLOSED, slot, gen, 0, 0, data(3, b"client")) for slot in range(64)
                            for gen in range(1, 64)]),
                  batch(3, [(TEXT, slot, 1, 1, 0, b'{"type":"leave","room":"lobby"}')
                            for slot in range(64)]))
        await self.check(pair)
        self.assertEqual(sum("another --id" in l for l in self.cluster.router.lines), 1)

    async def test_replayed_and_impossible_frames_are_dropped(self):
        pair = await self.bystanders()
        enemy = self.hostile("edge-2")
        enemy.say(hello(b"edge-2"))
        await asyncio.to_thread(enemy.hear)
        first = batch(1, [(ANNOUNCE_GROUP, 0, 0, 1, 0, group(b"echo"))])
        enemy.say(*[first] * 1000)
        enemy.say(batch(2, [(20, 0, 1, 0, 0, b"")]))  # the router's own words
        await self.said("plane.bad_frame.*edge=edge-2.*impossible")
        for _ in range(200):
            enemy.say(os.urandom(300))
        await self.check(pair)
        self.assertLess(sum("plane.bad_frame" in l for l in self.cluster.router.lines), 4)

    async def test_another_version_is_refused(self):
        pair = await self.bystanders()
        enemy = self.hostile("edge-2")
        for _ in range(50):
            enemy.say(hello(b"edge-2", version=77))
        self.assertIn(b"version 77", await asyncio.to_thread(enemy.hear))
        await self.check(pair)
        self.assertEqual(sum("version 77" in l for l in self.cluster.router.lines), 1)

    async def test_a_million_groups_are_contained(self):
        pair = await self.bystanders()
        enemy = self.hostile("edge-2")
        enemy.say(hello(b"edge-2", credit=1 << 26))
        await asyncio.to_thread(enemy.hear)
        for seq in range(100):
            enemy.say(batch(seq + 1, [(ANNOUNCE_GROUP, 0, 0, n + 1, 0, group(b"bogus%d" % n))
                                      for n in range(seq * 10000, seq * 10000 + 10000)]))
            if seq % 20 == 0:
                await self.check(pair)
        await self.said("edge.limited.*edge=edge-2.*--max-rooms-per-edge")
        await eventually(lambda: self.cluster.metrics()["splitrail_router_announces_refused_total"] >
                         900000, "all were read", bearable(240))
        self.assertLess(self.cluster.metrics()["splitrail_router_rooms"], 1100)
        self.assertEqual(sum("edge.limited" in l for l in self.cluster.router.lines), 1)
        await self.check(pair)

    async def test_a_huge_batch_is_contained(self):
        pair = await self.bystanders()
        enemy = self.hostile("edge-2")
        enemy.say(hello(b"edge-2"))
        await asyncio.to_thread(enemy.hear)
        enemy.say(b"\0" * (100 << 20))
        enemy.say(batch(1, [(TEXT, 4000000000, 1, 1, 0, b"x" * 1000)]))
        await self.said("plane.bad_frame")
        await self.check(pair)

    async def test_a_batch_of_very_many_frames_is_contained(self):
        pair = await self.bystanders()
        enemy = self.hostile("edge-2")
        enemy.say(hello(b"edge-2", credit=1 << 26))
        await asyncio.to_thread(enemy.hear)
        text = b'{"type":"room_message","room":"lobby","payload":"forged"}'
        enemy.say(batch(1, [(ANNOUNCE_END, 0, 0, 0, 0, b"")]))
        for seq in range(2, 6):
            enemy.say(batch(seq, [(TEXT, n % 4096, 1 + n % 7, n + 1, 0, text) for n in range(100000)]))
        await self.check(pair)
        await eventually(lambda: self.cluster.metrics()['splitrail_router_plane_bytes_total{direction="in"}'] >
                         4 * 100000 * len(text), "all were read", bearable(240))
        await self.check(pair)
        for client in pair:
            self.assertNotIn("forged", [m.get("payload") for m in client.heard("room_message")])
        self.assertLess(sum("edge=edge-2" in l for l in self.cluster.router.lines), 8)

    async def test_the_routing_id_of_another_edge_gives_nothing_away(self):
        pair = await self.bystanders()
        self.cluster.add()
        first = self.hostile("edge-3", routing_id=b"taken")
        first.say(hello(b"edge-3"))
        self.assertIsNotNone(await asyncio.to_thread(first.hear))
        thief = self.hostile("edge-2", routing_id=b"taken")
        thief.say(batch(1, [(ANNOUNCE_END, 0, 0, 0, 0, b"")]))
        await self.said("plane.bad_frame.*edge=edge-3.*another edge's key")
        await self.check(pair)


if __name__ == "__main__":
    unittest.main()
