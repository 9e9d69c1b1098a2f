"""Tokens with public keys: every algorithm, change of keys, the end of a token and its refresh."""

import asyncio
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

from clients import Client, FreshClusterCase
from cluster import eventually

ALGS = ("HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA")
TOKEN_S = 8  # the life of a short token: long enough for what is to be done before its end, on any machine
CHECKS = 'splitrail_router_token_checks_total{where="%s"}'


class Issuer:
    """Signs with node's crypto; the router shall not check what it made itself."""

    def __init__(self):
        program = os.path.join(os.path.dirname(__file__), "programs", "signer.js")
        self.process = subprocess.Popen(["node", program], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def _ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def make(self, alg, kid):
        return self._ask(make=alg, kid=kid)

    def token(self, kid, header=None, **claims):
        return self._ask(sign={"exp": int(time.time()) + 600, **claims}, kid=kid,
                         header=header or {})

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Keys(FreshClusterCase):
    auth = "jwt"
    edges = 2

    @classmethod
    def setUpClass(cls):
        cls.issuer = Issuer()
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = os.path.join(cls.folder.name, "keys.json")
        cls.keys = [cls.issuer.make(alg, "k-" + alg) for alg in ALGS]
        cls.router_options = ("--jwks-file", cls.path, "--jwt-leeway", "0")
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.issuer.close()
        cls.folder.cleanup()

    @classmethod
    def write(cls, keys):
        with open(cls.path, "w", encoding="ascii") as file:
            json.dump({"keys": keys}, file)

    async def asyncSetUp(self):
        self.write(self.keys)
        await super().asyncSetUp()

    def checks(self, where):
        return self.cluster.metrics()[CHECKS % where]

    async def refused(self, token):
        client = await Client.connect(self.cluster.edges[0], token, welcome=False)
        self.assertEqual(await client.closed(), (4001, "Unauthorized"))

    async def hang_up(self, pattern):
        before = len([1 for line in self.cluster.router.output.splitlines() if pattern in line])
        self.cluster.router.send_signal(signal.SIGHUP)
        await eventually(
            lambda: len([1 for line in self.cluster.router.output.splitlines() if pattern in line])
            > before, pattern)

    async def test_every_algorithm_lets_its_user_in_and_forgeries_out(self):
        for alg in ALGS:
            with self.subTest(alg=alg):
                token = self.issuer.token("k-" + alg, sub="user-" + alg)
                client = await self.client(token)
                self.assertEqual(client.user, "user-" + alg)
                head, body, signature = token.split(".")
                await self.refused(".".join((head, body, signature[::-1])))
                await self.refused(self.issuer.token("k-" + alg, header={"kid": "k-none"}, sub="x"))
                await self.refused(self.issuer.token("k-" + alg, header={"alg": "none"}, sub="x"))
                for other in ALGS:
                    if other != alg:
                        await self.refused(self.issuer.token("k-" + alg, sub="x", header={
                            "alg": other, "kid": "k-" + other}))

    async def test_what_is_said_before_the_verdict_is_done_after_it_in_order(self):
        token = self.issuer.token("k-RS256", sub="hasty")
        client = await Client.connect(self.cluster.edges[0], token, welcome=False)
        self.clients.append(client)
        await client.send("join", room="lobby", id=1)
        await client.send("room_message", room="lobby", payload="first", id=2)
        await client.send("ping", id=3)
        await client.expect("pong", id=3)
        kinds = [(message["type"], message.get("id")) for message in client.heard()]
        self.assertEqual(kinds[0][0], "welcome")
        self.assertLess(kinds.index(("ok", 1)), kinds.index(("ok", 2)))

    async def test_a_storm_of_new_tokens_comes_in_whole_and_again_without_a_check(self):
        tokens = [self.issuer.token("k-ES256", sub="storm-%d" % i) for i in range(200)]
        for round_ in range(2):
            clients = await asyncio.gather(*[
                Client.connect(self.cluster.edges[i % 2], token) for i, token in enumerate(tokens)])
            self.assertEqual([client.user for client in clients],
                             ["storm-%d" % i for i in range(200)])
            self.assertEqual(self.checks("pool"), 200)
            self.assertEqual(self.checks("cache"), 200 * round_)
            await asyncio.gather(*[client.close() for client in clients])

    async def test_keys_change_with_sighup_and_nobody_is_dropped(self):
        old = self.issuer.token("k-ES256", sub="old")
        before = await self.client(old)
        self.write([key for key in self.keys if key["kid"] != "k-ES256"] +
                   [self.issuer.make("ES256", "k-new")])
        await self.hang_up("token keys read again")
        await self.refused(old)
        after = await self.client(self.issuer.token("k-new", sub="new"))
        await before.ok("join", room="r")
        await after.ok("join", room="r")
        await before.ok("room_message", room="r", payload=1)
        await after.expect("room_message", userId="old")

        with open(self.path, "w", encoding="ascii") as file:
            file.write('{"keys":[{"kty":"oct","k":"AA"}]}')
        await self.hang_up("reload.failed")
        self.assertTrue(self.cluster.router.find(r"key 1: k is shorter"))
        await self.client(self.issuer.token("k-new", sub="still"))

    async def test_a_token_that_ends_closes_with_4002_unless_it_is_refreshed(self):
        ends = int(time.time()) + TOKEN_S
        short = await self.client(self.issuer.token("k-EdDSA", sub="short", exp=ends))
        long = await self.client(self.issuer.token("k-EdDSA", sub="long", exp=ends))
        answer = await long.ok("refresh", token=self.issuer.token("k-ES256", sub="long",
                                                                  exp=ends + 60))
        self.assertEqual(answer["expiresAt"], (ends + 60) * 1000)
        for token, code in (
                (self.issuer.token("k-ES256", sub="other"), "token_invalid"),
                (self.issuer.token("k-ES256", sub="long", exp=int(time.time()) - 9), "token_expired"),
                ("nonsense", "token_invalid")):
            self.assertEqual((await long.error("refresh", token=token))["code"], code)
        self.assertEqual((await short.closed())[0], 4002)
        self.assertGreaterEqual(time.time(), ends)
        await long.ok("join", room="r")
        await eventually(lambda: sum(
            value for name, value in self.cluster.edges[0].metrics().items()
            if 'reason="token_expired"' in name) == 1, "one is counted")

    async def who(self, user, edge=0, **rights):
        return await self.client(self.issuer.token("k-ES256", sub=user, rights=rights), edge)

    async def forbidden(self, client, type_, **fields):
        self.assertEqual((await client.error(type_, **fields))["code"], "forbidden")

    async def test_a_token_says_what_its_holder_may_do(self):
        reader = await self.who("reader", rooms={"news:*": ["join"]}, direct=False,
                                info={"name": "R\u00e9ader"})
        writer = await self.who("writer", edge=1, rooms={
            "news:*": ["publish", "join"], "news:1": ["history", "presence"]})
        free = await self.client(self.issuer.token("k-ES256", sub="free"))
        joined = await writer.ok("join", room="news:1", members=True)
        await reader.ok("join", room="news:1")
        self.assertEqual((await writer.expect("user_joined", userId="reader"))["info"],
                         {"name": "R\u00e9ader"})
        await self.forbidden(reader, "join", room="chat:1")
        await self.forbidden(reader, "join", room="news")
        await self.forbidden(reader, "room_message", room="news:1", payload=1)
        await self.forbidden(reader, "history", room="news:1")
        await self.forbidden(reader, "presence", room="news:1")
        await self.forbidden(reader, "join", room="news:1", members=True)
        await self.forbidden(reader, "direct_message", targetUserId="free", payload=1)
        await writer.ok("room_message", room="news:1", payload="seen")
        await reader.expect("room_message", payload="seen")
        await self.forbidden(writer, "history", room="news:2")
        self.assertEqual(len((await writer.ok("history", room="news:1"))["messages"]), 1)
        members = (await writer.ok("presence", room="news:1"))["members"]
        self.assertEqual({m["userId"]: m.get("info") for m in members},
                         {"reader": {"name": "R\u00e9ader"}, "writer": None})
        await writer.ok("direct_message", targetUserId="reader", payload=2)
        await free.ok("join", room="chat:1")
        # without history a recovery gives nothing, and says so
        again = await self.who("reader2", rooms={"news:*": ["join"]})
        answer = await again.ok("join", room="news:1", since={"epoch": joined["epoch"],
                                                              "offset": 0})
        self.assertFalse(answer["recovered"])
        self.assertEqual(await again.settled("room_message"), [])

    async def test_a_refresh_with_less_rights_takes_out_of_rooms_also_at_the_next_router(self):
        client = await self.who("kim", rooms={"*": ["join", "publish"]})
        await client.ok("join", room="a")
        await client.ok("join", room="b")
        await client.ok("refresh", token=self.issuer.token("k-ES256", sub="kim",
                                                           rights={"rooms": {"b": ["join"]}}))
        await client.expect("kicked", roomId="a")
        await self.forbidden(client, "room_message", room="b", payload=1)
        self.cluster.router.kill()
        self.cluster.start_router()
        await self.cluster.ready()
        await self.forbidden(client, "room_message", room="b", payload=1)
        await self.forbidden(client, "join", room="a")

    async def test_rights_that_are_not_understood_refuse_the_token(self):
        await self.refused(self.issuer.token("k-ES256", sub="x", rights={"room": {}}))
        await self.refused(self.issuer.token("k-ES256", sub="x", rights={"rooms": {"a": ["fly"]}}))

    async def test_the_next_router_knows_the_end_of_a_refreshed_token(self):
        ends = int(time.time()) + TOKEN_S
        client = await self.client(self.issuer.token("k-ES256", sub="kim", exp=ends))
        brief = await self.client(self.issuer.token("k-ES256", sub="lee", exp=ends + 2))
        await client.ok("refresh", token=self.issuer.token("k-ES256", sub="kim", exp=ends + 60))
        self.cluster.router.kill()
        self.cluster.start_router()
        await self.cluster.ready()
        self.assertEqual((await brief.closed())[0], 4002)
        self.assertGreaterEqual(time.time(), ends + 2)
        await client.ok("join", room="r")


if __name__ == "__main__":
    unittest.main()
