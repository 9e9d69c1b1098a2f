"""Who may connect, and by which way a token comes."""

import base64
import hashlib
import hmac
import json
import tempfile
import time
import unittest

from clients import Client, ClusterCase

SECRET = b"an example secret of more than 32 bytes"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(claims, secret=SECRET, header=None):
    head = b64(json.dumps(header or {"alg": "HS256", "typ": "JWT"}).encode())
    body = b64(json.dumps(claims).encode())
    signed = "%s.%s" % (head, body)
    return signed + "." + b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())


class TokenCase(ClusterCase):
    edges = 1

    async def refused(self, token=None, **options):
        client = await Client.connect(self.cluster.edges[0], token, welcome=False, **options)
        self.assertEqual(await client.closed(), (4001, "Unauthorized"))
        self.assertEqual(client.heard(), [])


class Insecure(TokenCase):
    async def test_without_a_token_nobody_comes_in(self):
        await self.refused()
        await self.refused("")

    async def test_the_user_is_named_after_the_token(self):
        client = await self.client("anna")
        self.assertEqual(client.user, "user_anna")

    async def test_a_token_that_makes_no_valid_name_is_refused(self):
        await self.refused("x" * 124)
        await self.refused("a%C2%85b")

    async def test_the_start_warns_that_anybody_is_believed(self):
        self.assertTrue(self.cluster.router.find(r"insecure\.auth"))


class Jwt(TokenCase):
    auth = "jwt"

    @classmethod
    def setUpClass(cls):
        cls.file = tempfile.NamedTemporaryFile()
        cls.file.write(SECRET + b"\n")
        cls.file.flush()
        cls.router_options = ("--jwt-hs256-file", cls.file.name, "--jwt-audience", "chat",
                              "--jwt-issuer", "tests", "--jwt-leeway", "0")
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.file.close()

    def claims(self, **more):
        return {"sub": "alice", "aud": "chat", "iss": "tests", "exp": int(time.time()) + 600, **more}

    async def test_a_good_token_is_taken_by_every_way_and_sub_is_the_user(self):
        token = jwt(self.claims(sub="carol"))
        ways = [
            {"token": token},
            {"extra_headers": {"Authorization": "Bearer " + token}},
            {"subprotocols": ["bearer." + token]},
            {"subprotocols": ["splitrail.v1.json", "bearer." + token]},
        ]
        for way in ways:
            client = await Client.connect(self.cluster.edges[0], **way)
            self.clients.append(client)
            self.assertEqual(client.user, "carol")
            expected = "splitrail.v1.json" if "splitrail.v1.json" in way.get("subprotocols", []) else None
            self.assertEqual(client.socket.subprotocol, expected, "the token is never echoed")

    async def test_the_header_beats_the_sub_protocol_beats_the_query(self):
        client = await Client.connect(
            self.cluster.edges[0], jwt(self.claims(sub="query")),
            subprotocols=["bearer." + jwt(self.claims(sub="entry"))])
        self.clients.append(client)
        self.assertEqual(client.user, "entry")
        client = await Client.connect(
            self.cluster.edges[0], jwt(self.claims(sub="query")),
            subprotocols=["bearer." + jwt(self.claims(sub="entry"))],
            extra_headers={"Authorization": "Bearer " + jwt(self.claims(sub="header"))})
        self.clients.append(client)
        self.assertEqual(client.user, "header")

    async def test_the_welcome_says_when_the_token_ends(self):
        claims = self.claims()
        client = await self.client(jwt(claims))
        self.assertEqual(client.welcome["expiresAt"], claims["exp"] * 1000)

    async def test_tokens_that_do_not_verify_are_refused(self):
        now = int(time.time())
        good = jwt(self.claims())
        bad = [
            None, "", "x", "a.b.c", good[:-2], good + "x", good.split(".")[0] + "..",
            jwt(self.claims(), secret=b"another secret of more than 32 bytes..."),
            jwt(self.claims(exp=now - 10)),
            jwt(self.claims(nbf=now + 1000)),
            jwt(self.claims(aud="other")),
            jwt(self.claims(iss="other")),
            jwt(self.claims(sub="")),
            jwt(self.claims(sub=7)),
            jwt(self.claims(sub="a\nb")),
            jwt({"aud": "chat", "iss": "tests", "exp": now + 600}),
            jwt(self.claims(), header={"alg": "none"}),
            jwt(self.claims(), header={"alg": "HS512"}),
            b64(b'{"alg":"none"}') + "." + b64(json.dumps(self.claims()).encode()) + ".",
            "insecure-would-take-this",
        ]
        for token in bad:
            with self.subTest(token=token):
                await self.refused(token)

    async def test_a_refused_token_is_never_logged(self):
        token = jwt(self.claims(exp=1))
        await self.refused(token)
        for program in self.cluster.programs:
            self.assertNotIn(token, program.output)
        self.assertTrue(self.cluster.router.find(r"auth\.failed"))


class NoQuery(TokenCase):
    router_options = ("--token-in-query", "off")

    async def test_a_token_in_the_url_does_not_count(self):
        await self.refused("bob")
        client = await Client.connect(self.cluster.edges[0],
                                      extra_headers={"Authorization": "Bearer bob"})
        self.clients.append(client)
        self.assertEqual(client.user, "user_bob")


if __name__ == "__main__":
    unittest.main()
