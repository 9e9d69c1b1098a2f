"""What an operator asks at three in the morning: one command each, for people and for scripts."""

import json
import signal
import unittest

from clients import ClusterCase
from cluster import Cluster, eventually


async def seen_by_edge(cluster, user, room):
    """What explain says when the edge has answered within the second that it has for that."""
    def explained():
        answer = cluster.ctl("explain", user, room)
        return answer if answer["connections"][0]["edgeView"] else None
    return await eventually(explained, "the edge's view")


class Operator(ClusterCase):
    def text(self, *args, code=0):
        """Standard output of a command, which ends with this code."""
        got, out, err = self.cluster.ctl_raw(*args)
        self.assertEqual(got, code, out + err)
        return out

    async def test_history_shows_the_messages_of_a_room(self):
        room = self.new()
        client = await self.client()
        await client.ok("join", room=room)
        for n in range(3):
            await client.ok("room_message", room=room, payload={"n": n})
        self.cluster.ctl("publish", room, "1e400")
        answer = self.cluster.ctl("history", room)
        self.assertEqual((answer["roomId"], answer["offset"], answer["firstOffset"]), (room, 4, 1))
        self.assertEqual([m["offset"] for m in answer["messages"]], [1, 2, 3, 4])
        self.assertEqual(answer["messages"][1]["payload"], {"n": 1})
        self.assertEqual(answer["messages"][1]["userId"], client.user)
        self.assertIsNone(answer["messages"][3]["userId"])
        self.assertEqual(answer["messages"][3]["payloadText"], "1e400")
        answer = self.cluster.ctl("history", room, "--since", "2", "--limit", "1")
        self.assertEqual([m["offset"] for m in answer["messages"]], [3])
        text = self.text("history", room)
        self.assertIn('{"n":2}', text.replace(" ", ""))
        self.assertIn("4 messages shown, newest offset 4, kept from 1", text)
        self.assertIn("0 messages", self.text("history", self.new()))
        self.text("history", room, "--limit", "5000", code=1)

    async def test_limits_are_shown_and_rates_can_be_set(self):
        def value(name):
            rows = self.cluster.ctl("limits", "show")["limits"]
            return next(r["value"] for r in rows if r["name"] == name)
        before = value("max-messages-per-second")
        self.assertEqual(value("on-user-limit"), "reject")
        try:
            self.cluster.ctl("limits", "set", "max-messages-per-second", "7")
            self.assertEqual(value("max-messages-per-second"), 7)
            self.assertRegex(self.text("limits"), r"max-messages-per-second +- +7 +limits set")
            client = await self.client()
            self.assertEqual(client.welcome["limits"]["messagesPerSecond"], 7)
        finally:
            self.cluster.ctl("limits", "set", "max-messages-per-second", str(before))
        for name, bad in (("max-rooms", "7"), ("max-messages-per-second", "many")):
            code, _, err = self.cluster.ctl_raw("limits", "set", name, bad)
            self.assertEqual(code, 1)
            self.assertTrue(err.strip())

    async def test_explain_says_so_when_an_edge_does_not_answer(self):
        room = self.new()
        client = await self.client()
        await client.ok("join", room=room)
        edge = self.cluster.edges[0]
        edge.program.send_signal(signal.SIGSTOP)
        try:
            answer = self.cluster.ctl("explain", client.user, room)
        finally:
            edge.program.send_signal(signal.SIGCONT)
        conn = answer["connections"][0]
        self.assertIsNone(conn["edgeView"])
        self.assertIn("did not answer within a second", conn["edgeUnseen"])
        self.assertIn("edge_untold", [f["code"] for f in conn["findings"]])

    async def test_explain_says_why_messages_do_not_arrive(self):
        room = self.new()
        client = await self.client()
        answer = self.cluster.ctl("explain", client.user, room)
        self.assertIs(answer["gets"], False)
        self.assertIn("not_joined", [f["code"] for f in answer["connections"][0]["findings"]])
        self.assertIn("NO   %s: it has not joined the room" % client.id,
                      self.text("explain", client.user, room))
        await client.ok("join", room=room)
        await client.ok("room_message", room=room, payload=1)
        answer = await seen_by_edge(self.cluster, client.user, room)
        self.assertIs(answer["gets"], True)
        self.assertEqual(answer["connections"][0]["toldOffset"], 1)
        self.assertIn("gets the messages of", self.text("explain", client.user, room))
        view = answer["connections"][0]["edgeView"]
        self.assertEqual((view["open"], view["inRoom"], view["roomOffset"]), (True, True, 1))
        self.assertEqual((view["queuedBytes"], view["overSoftMs"]), (0, 0))
        self.assertLess(view["silentMs"], 60000)
        self.assertLess(view["tookMs"], 1000)
        await eventually(lambda: "AT ITS EDGE" in self.text("explain", client.user, room), "its edge's view")
        nobody = "user_" + self.new("nobody")
        answer = self.cluster.ctl("explain", nobody, room)
        self.assertIn("user_unknown", [f["code"] for f in answer["findings"]])
        self.cluster.ctl("ban", "user", client.user, "--for", "1m")
        answer = self.cluster.ctl("explain", client.user, room)
        self.assertEqual(answer["findings"][0]["code"], "user_banned")
        self.cluster.ctl("unban", "user", client.user)


class SlowReaders(ClusterCase):
    router_options = ("--max-messages-per-second", "0", "--max-bytes-per-second", "0")
    edge_options = ("--soft-output", "16KiB", "--soft-output-grace", "10m", "--max-output", "16MiB",
                    "--heartbeat-interval", "0")  # who does not read answers no ping

    async def test_explain_tells_what_waits_at_the_edge_for_who_does_not_read(self):
        room = self.new()
        slow, writer = await self.client(max_queue=1), await self.client(edge=1)
        for client in (slow, writer):
            await client.ok("join", room=room)
        slow.reader.cancel()
        for _ in range(100):
            for _ in range(10):
                await writer.ok("room_message", room=room, payload="x" * 30000)
            answer = (await seen_by_edge(self.cluster, slow.user, room))["connections"][0]
            if answer["edgeView"]["overSoftMs"] != 0:
                break
        view = answer["edgeView"]
        self.assertGreater(view["overSoftMs"], 0)
        self.assertGreater(view["queuedBytes"], 16384)
        self.assertGreater(view["queuedMessages"], 0)
        self.assertEqual(view["softBytes"], 16384)
        self.assertIn("reads slowly", view["paused"])
        self.assertIn("over_soft", [f["code"] for f in answer["findings"]])
        self.clients.remove(slow)  # it would wait for an answer to its goodbye
        slow.socket.transport.abort()


class Draining(unittest.IsolatedAsyncioTestCase):
    async def test_drain_takes_an_edge_out(self):
        cluster = Cluster(edges=2, edge_options=("--drain-timeout", "1s"))
        try:
            await cluster.ready()
            code, out, err = cluster.ctl_raw("drain", "edge-2")
            self.assertEqual((code, out), (0, "told to drain and to end: edge-2\n"), err)
            cluster.edges[1].program.may_die = True

            def gone():
                edges = {e["edgeId"]: e["state"] for e in cluster.ctl("edges")["edges"]}
                return edges.get("edge-2") in (None, "draining", "down")
            await eventually(gone, "edge-2 is out")
            self.assertEqual(cluster.ctl_raw("drain", "edge-9")[0], 3)
            self.assertEqual(cluster.edges[1].program.wait(), 0)
            self.assertEqual(cluster.ctl_raw("drain", "edge-2")[0], 3)
        finally:
            cluster.close()


if __name__ == "__main__":
    unittest.main()
