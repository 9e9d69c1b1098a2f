"""Rooms, direct messages and history, as client-visible behaviour over two edges."""

import asyncio
import json
import unittest

from clients import ClusterCase


def payload_of(raw):
    """The text of the payload as it stands in a push."""
    at = raw.index('"payload":') + len('"payload":')
    if raw[at] == '"':
        end = at + 1
        while raw[end] != '"':
            end += 2 if raw[end] == "\\" else 1
        return raw[at:end + 1]
    depth, i, quoted = 0, at, False
    while i < len(raw):
        c = raw[i]
        if quoted:
            if c == "\\":
                i += 1
            elif c == '"':
                quoted = False
        elif c == '"':
            quoted = True
        elif c in "[{":
            depth += 1
        elif c in "]}":
            if depth == 0:
                return raw[at:i]
            depth -= 1
        elif c == "," and depth == 0:
            return raw[at:i]
        i += 1
    raise AssertionError("no end of payload: " + raw)


ODD_PAYLOADS = [
    "123456789012345678901234567890",
    "-0",
    "1e400",
    "0.1000000000000000055511151231257827021181583404541015625",
    '{"a":1,"a":2,"b":{"a":3,"a":3}}',
    '{"z":1,"a":2}',
    r'"\u0041\/\b\f\n\r\t\"\\ \ud83d\ude00 \u0000"',
    '"\u00e9\u4e2d\U0001f600\u2028"',
    "[ 1 ,\t2 , { } , [ ] ]",
    "null",
    "true",
    '""',
    "[" * 30 + "]" * 30,
    '{"payload":"x","type":"leave","room":"y"}',
]


class Messages(ClusterCase):
    async def pair(self):
        """Two clients on two edges in a new room."""
        room = self.new()
        a, b = await self.client(edge=0), await self.client(edge=1)
        await a.ok("join", room=room)
        await b.ok("join", room=room)
        return room, a, b

    async def test_a_payload_comes_out_byte_for_byte_as_it_went_in(self):
        room, a, b = await self.pair()
        for payload in ODD_PAYLOADS:
            with self.subTest(payload=payload[:40]):
                await a.send_raw('{"type":"room_message","room":"%s","payload":%s}' % (room, payload))
                _, raw = await b.expect_raw("room_message", roomId=room)
                self.assertEqual(payload_of(raw), payload)
                await a.send_raw('{"payload":%s,"targetUserId":"%s","type":"direct_message"}'
                                 % (payload, b.user))
                _, raw = await b.expect_raw("direct_message")
                self.assertEqual(payload_of(raw), payload)

    async def test_a_payload_of_60_kib_comes_out_byte_for_byte(self):
        room, a, b = await self.pair()
        payload = json.dumps("".join(chr(0x20 + i * 7 % 95) for i in range(50000)) + "\u4e2d" * 2000,
                             ensure_ascii=False)
        payload += " " * (60 * 1024 - len(payload.encode()) - 1)
        payload = "[" + payload[:-1] + "]"
        self.assertGreater(len(payload.encode()), 59 * 1024)
        await a.send_raw('{"type":"room_message","room":"%s","payload":%s}' % (room, payload))
        _, raw = await b.expect_raw("room_message", roomId=room)
        self.assertEqual(payload_of(raw), payload)

    async def test_the_welcome_comes_first_and_the_routing_token_second(self):
        c = await self.client("first")
        self.assertEqual(c.welcome["userId"], "user_first")
        self.assertEqual(c.welcome["serverId"], "edge-1")
        self.assertTrue(c.welcome["connectionId"].startswith("edge-1."))
        self.assertEqual(c.welcome["heartbeat"], {"intervalMs": 30000, "timeoutMs": 10000})
        self.assertEqual(c.welcome["limits"], {"messageBytes": 65536, "messagesPerSecond": 50,
                                               "bytesPerSecond": 1048576, "rooms": 100})
        self.assertIn("epoch", c.welcome["inbox"])
        self.assertTrue((await c.expect("routing_token"))["token"])

    async def test_offsets_count_from_one_without_holes_for_everybody(self):
        room, a, b = await self.pair()
        for n in range(1, 21):
            sender = a if n % 2 else b
            answer = await sender.ok("room_message", room=room, payload=n)
            self.assertEqual(answer["offset"], n)
        for c in (a, b):
            got = [(m["offset"], m["payload"]) for m in await c.settled("room_message", roomId=room)]
            self.assertEqual(got, [(n, n) for n in range(1, 21)])

    async def test_echo_false_leaves_out_the_sending_connection_only(self):
        room, a, b = await self.pair()
        twin = await self.client(a.user[len("user_"):], edge=1)
        await twin.ok("join", room=room)
        await a.ok("room_message", room=room, payload=1, echo=False)
        await b.expect("room_message", roomId=room)
        await twin.expect("room_message", roomId=room)
        self.assertEqual(await a.settled("room_message"), [])

    async def test_only_members_may_send_and_only_members_hear(self):
        room, a, b = await self.pair()
        stranger = await self.client()
        self.assertEqual((await stranger.error("room_message", room=room, payload=1))["code"],
                         "not_member")
        await b.ok("leave", room=room)
        await a.ok("room_message", room=room, payload=1)
        await a.expect("room_message")
        self.assertEqual(await b.settled("room_message"), [])
        self.assertEqual(await stranger.settled("room_message"), [])

    async def test_a_direct_message_reaches_every_device_and_says_how_many(self):
        sender = await self.client()
        name = self.new("multi")
        devices = [await self.client(name, edge=i % 2) for i in range(3)]
        answer = await sender.ok("direct_message", targetUserId=devices[0].user, payload="hi")
        self.assertEqual(answer["delivered"], 3)
        for device in devices:
            message = await device.expect("direct_message")
            self.assertEqual((message["fromUserId"], message["payload"]), (sender.user, "hi"))
        nobody = await sender.ok("direct_message", targetUserId="user_" + self.new("no"), payload=1)
        self.assertEqual(nobody["delivered"], 0)

    async def test_a_member_who_was_away_recovers_what_it_missed_in_order(self):
        room, a, b = await self.pair()
        await a.ok("room_message", room=room, payload=1)
        joined = await b.ok("join", room=room)
        await b.close()
        for n in range(2, 7):
            await a.ok("room_message", room=room, payload=n)
        back = await self.client(b.user[len("user_"):], edge=0)
        answer = await back.ok("join", room=room,
                               since={"epoch": joined["epoch"], "offset": joined["offset"]})
        self.assertTrue(answer["recovered"])
        await a.ok("room_message", room=room, payload=7)
        await back.expect("room_message", offset=7)
        # expect() took number 7; what is left must be the missed ones, in order, and before it.
        self.assertEqual([m["payload"] for m in back.heard("room_message")], [2, 3, 4, 5, 6])

    async def test_recovery_from_another_epoch_or_beyond_the_end_is_refused_openly(self):
        room, a, _ = await self.pair()
        epoch = (await a.ok("join", room=room))["epoch"]
        c = await self.client()
        answer = await c.ok("join", room=room, since={"epoch": "0000000000000001", "offset": 0})
        self.assertIs(answer["recovered"], False)
        answer = await c.ok("join", room=room, since={"epoch": epoch, "offset": 999})
        self.assertIs(answer["recovered"], False)

    async def test_history_gives_the_kept_messages_and_the_inbox_the_direct_ones(self):
        room, a, b = await self.pair()
        for n in range(1, 6):
            await a.ok("room_message", room=room, payload=n)
            await a.ok("direct_message", targetUserId=b.user, payload=-n)
        answer = await b.ok("history", room=room)
        self.assertEqual([(m["offset"], m["payload"]) for m in answer["messages"]],
                         [(n, n) for n in range(1, 6)])
        self.assertEqual((answer["offset"], answer["firstOffset"]), (5, 1))
        answer = await b.ok("history", room=room, since={"epoch": answer["epoch"], "offset": 2}, limit=2)
        self.assertEqual([m["offset"] for m in answer["messages"]], [3, 4])
        inbox = await b.ok("history", inbox=True)
        self.assertEqual([m["payload"] for m in inbox["messages"]], [-1, -2, -3, -4, -5])

    async def test_the_same_key_is_one_message(self):
        room, a, b = await self.pair()
        first = await a.ok("room_message", room=room, payload="once", key="k1")
        again = await a.ok("room_message", room=room, payload="once", key="k1")
        self.assertEqual(again["offset"], first["offset"])
        self.assertTrue(again["duplicate"])
        self.assertNotIn("duplicate", first)
        self.assertEqual(len(await b.settled("room_message", roomId=room)), 1)

    async def test_ids_may_be_numbers_or_texts_and_come_back_as_they_went(self):
        c = await self.client()
        await c.expect("routing_token")
        for text in ("1", "9007199254740991", '"abc"', r'"\u0041\"x"'):
            await c.send_raw('{"type":"ping","id":%s}' % text)
            _, raw = await c.expect_raw("pong")
            self.assertIn('"id":%s' % text, raw)
        for bad in ("0", "9007199254740992", "1.5", '""', "null", '"%s"' % ("x" * 65)):
            await c.send_raw('{"type":"ping","id":%s}' % bad)
            self.assertEqual((await c.expect("error"))["code"], "invalid_message", bad)

    async def test_wrong_messages_get_the_documented_error(self):
        c = await self.client()
        rows = [
            ("{", "invalid_json", "Invalid JSON"),
            ("", "invalid_json", "Invalid JSON"),
            ("nonsense", "invalid_json", "Invalid JSON"),
            ('{"type":"ping"} x', "invalid_json", "Invalid JSON"),
            ('{"type":"dance"}', "unknown_type", "Unknown message type"),
            ('{"type":5}', "invalid_message", None),
            ('{}', "unknown_type", "Unknown message type"),
            ('{"type":"join"}', "invalid_message", None),
            ('{"type":"join","room":7}', "invalid_message", None),
            ('{"type":"join","room":"a","room":"b"}', "invalid_message", None),
            ('{"type":"join","room":""}', "invalid_name", None),
            ('{"type":"join","room":"a\\u0007"}', "invalid_name", None),
            ('{"type":"join","room":"%s"}' % ("x" * 129), "invalid_name", None),
            ('{"type":"room_message","room":"a"}', "invalid_message", None),
            ('{"type":"history","room":"a","limit":1001}', "invalid_message", None),
        ]
        for text, code, words in rows:
            with self.subTest(text=text):
                await c.send_raw(text)
                answer = await c.expect("error")
                self.assertEqual(answer["code"], code)
                if words:
                    self.assertEqual(answer["error"], words)

    async def test_commands_of_one_connection_take_effect_in_order(self):
        room = self.new()
        a = await self.client()
        for i in range(10):
            await a.send("join", room=room)
            await a.send("room_message", room=room, payload=i)
            await a.send("leave", room=room)
        heard = await a.settled("room_message", roomId=room)
        self.assertEqual([m["payload"] for m in heard], list(range(10)))
        self.assertEqual(a.heard("error"), [])

    async def test_a_client_that_sends_and_leaves_at_once_is_still_heard(self):
        room, a, b = await self.pair()
        await a.send("room_message", room=room, payload="last words")
        await a.close()
        await b.expect("room_message", payload="last words")

    async def test_many_senders_on_two_edges_are_seen_in_one_order(self):
        room = self.new()
        clients = await asyncio.gather(*(self.client(edge=i % 2) for i in range(10)))
        await asyncio.gather(*(c.ok("join", room=room) for c in clients))
        async def talk(c, who):
            for n in range(20):
                await c.ok("room_message", room=room, payload=[who, n])
        await asyncio.gather(*(talk(c, i) for i, c in enumerate(clients)))
        seen = [[(m["offset"], m["payload"]) for m in await c.settled("room_message", roomId=room)]
                for c in clients]
        self.assertEqual([offset for offset, _ in seen[0]], list(range(1, 201)))
        for other in seen[1:]:
            self.assertEqual(other, seen[0])


if __name__ == "__main__":
    unittest.main()
