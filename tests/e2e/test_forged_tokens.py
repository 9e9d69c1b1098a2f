"""Tokens that are not what they say: each is refused with 4001, and the log says why without it."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import tempfile
import time
import unittest

from clients import Client, FreshClusterCase
from cluster import eventually
from test_token_keys import ALGS, Issuer
from test_tokens import b64

# Each test has a router of its own: a log tells no more than so many lines of a kind within ten seconds.
ROWS_MAX = 20
BAD_SIGNATURE = "signature does not match"
BAD_LENGTH = "signature has not the length of its algorithm"
NO_KEY = "no key has its kid and alg"
NO_ALG = "alg is none of HS256 HS384 HS512 RS256 PS256 ES256 EdDSA"
NO_HEADER = "header is not a base64url JSON object"
NO_CLAIMS = "claims are not a base64url JSON object"
TWICE = "a claim is given twice"
# The order of the curve P-256: s and n - s are both signatures, r = 0 and s = 0 are none.
P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def raw(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class Forged(FreshClusterCase):
    auth = "jwt"
    edges = 2

    @classmethod
    def setUpClass(cls):
        cls.issuer = Issuer()
        cls.folder = tempfile.TemporaryDirectory()
        path = os.path.join(cls.folder.name, "keys.json")
        cls.keys = {alg: cls.issuer.make(alg, "k-" + alg) for alg in ALGS}
        cls.stranger = {alg: cls.issuer.make(alg, "stranger-" + alg) for alg in ALGS}
        with open(path, "w", encoding="ascii") as file:
            json.dump({"keys": list(cls.keys.values())}, file)
        cls.router_options = ("--jwks-file", path, "--jwt-leeway", "0", "--jwt-audience", "chat",
                              "--jwt-issuer", "tests")

    @classmethod
    def tearDownClass(cls):
        cls.issuer.close()
        cls.folder.cleanup()

    def claims(self, **other):
        claims = {"sub": "mallory", "aud": "chat", "iss": "tests", "exp": int(time.time()) + 600, **other}
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, alg="ES256", header=None, **claims):
        return self.issuer.token("k-" + alg, header=header, **self.claims(**claims))

    def signed(self, head, body, alg="ES256"):
        """From the very texts of header and claims."""
        text = b64(head.encode()) + "." + b64(body.encode())
        return self.signed_parts(text, alg)

    def signed_parts(self, text, alg="ES256"):
        return text + "." + self.issuer._ask(text=text, kid="k-" + alg)

    async def refuse(self, rows):
        """`rows` are (name, token, reason)."""
        self.assertLessEqual(len(rows), ROWS_MAX)
        for n, (name, token, reason) in enumerate(rows):
            with self.subTest(name):
                client = await Client.connect(self.cluster.edges[n % 2], welcome=False,
                                              extra_headers={"Authorization": "Bearer " + token})
                self.assertEqual(await client.closed(), (4001, "Unauthorized"))
                self.assertEqual(client.heard(), [])
                lines = await eventually(lambda: self.failures(n + 1), "a line of its own")
                self.assertEqual(lines[n], reason)
        for program in self.cluster.programs:
            for _, token, _ in rows:
                for part in token.split("."):
                    if len(part) > 20:
                        self.assertNotIn(part, program.output)
        good = await self.client(self.token())
        self.assertEqual(good.user, "mallory")

    def failures(self, count):
        found = [re.search(r'auth\.failed.*reason="?([^"]*)"?', line)
                 for line in self.cluster.router.lines]
        found = [match.group(1) for match in found if match]
        return found if len(found) >= count else None

    async def test_signatures_of_others_or_of_something_else(self):
        rows = []
        for alg in ALGS:
            good = self.token(alg)
            head, body, signature = good.split(".")
            altered = bytearray(raw(signature))
            altered[7] ^= 1
            other = b64(json.dumps(self.claims(sub="admin")).encode())
            rows += [
                ("%s: one bit of the signature" % alg, ".".join((head, body, b64(bytes(altered)))),
                 BAD_SIGNATURE),
                ("%s: other claims" % alg, ".".join((head, other, signature)), BAD_SIGNATURE),
            ]
        await self.refuse(rows)

    async def test_keys_of_others_under_our_names(self):
        rows = []
        for alg in ALGS:
            theirs = self.issuer.token("stranger-" + alg, header={"kid": "k-" + alg}, **self.claims())
            nobodys = self.issuer.token("stranger-" + alg, **self.claims())
            rows += [("%s: a stranger's key with our kid" % alg, theirs, BAD_SIGNATURE),
                     ("%s: a kid that is not ours" % alg, nobodys, NO_KEY)]
        es = self.keys["ES256"]
        embedded = {"jwk": {k: v for k, v in self.stranger["ES256"].items() if k != "kid"}}
        rows += [
            ("the key comes along", self.issuer.token("stranger-ES256", header={
                "kid": "k-ES256", **embedded}, **self.claims()), BAD_SIGNATURE),
            ("the key comes along without a kid", self.issuer.token("stranger-ES256", header={
                "kid": "x", **embedded}, **self.claims()), NO_KEY),
            ("the key is elsewhere", self.issuer.token("stranger-ES256", header={
                "kid": "k-ES256", "jku": "http://127.0.0.1:1/keys.json"}, **self.claims()), BAD_SIGNATURE),
            ("a kid that is a path", self.token(header={"kid": "../../../dev/null"}), NO_KEY),
            ("a kid with an injection", self.token(header={"kid": es["kid"] + "' OR '1'='1"}), NO_KEY),
        ]
        await self.refuse(rows)

    async def test_algorithms_that_are_confused(self):
        """The key says how it is used, not the token."""
        def hmac_with(alg, secret, kid):
            text = b64(json.dumps({"alg": alg, "kid": kid}).encode()) + "." + b64(
                json.dumps(self.claims()).encode())
            how = {"HS256": hashlib.sha256, "HS512": hashlib.sha512}[alg]
            return text + "." + b64(hmac.new(secret, text.encode(), how).digest())
        public_n = raw(self.keys["RS256"]["n"])
        public_jwk = json.dumps(self.keys["RS256"]).encode()
        body = b64(json.dumps(self.claims()).encode())

        def none(name):
            return b64(json.dumps({"alg": name}).encode()) + "." + body + "."
        rows = [
            ("HS256 with an RSA modulus", hmac_with("HS256", public_n, "k-RS256"), NO_KEY),
            ("HS256 with a public JWK", hmac_with("HS256", public_jwk, "k-RS256"), NO_KEY),
            ("HS256 with an EC point", hmac_with("HS256", raw(self.keys["ES256"]["x"]), "k-ES256"), NO_KEY),
            ("HS256 with an Ed25519 key", hmac_with("HS256", raw(self.keys["EdDSA"]["x"]), "k-EdDSA"), NO_KEY),
            ("HS256 with an empty secret", hmac_with("HS256", b"", "k-HS256"), BAD_SIGNATURE),
            ("HS512 with the key of HS256", hmac_with("HS512", raw(self.keys["HS256"]["k"]), "k-HS256"), NO_KEY),
            ("none", none("none"), NO_ALG),
            ("None", none("None"), NO_ALG),
            ("nOnE", none("nOnE"), NO_ALG),
            ("NONE with a signature", none("NONE") + "AAAA", NO_ALG),
            ("an empty alg", none(""), NO_ALG),
            ("hs256 in small letters", self.token("HS256", header={"alg": "hs256"}), NO_ALG),
            ("RS256 of a PS256 key", self.token("PS256", header={"alg": "RS256"}), NO_KEY),
            ("PS256 of an RS256 key", self.token("RS256", header={"alg": "PS256"}), NO_KEY),
            ("ES256K", self.token(header={"alg": "ES256K"}), NO_ALG),
            ("ES512", self.token(header={"alg": "ES512"}), NO_ALG),
            ("RS512", self.token("RS256", header={"alg": "RS512"}), NO_ALG),
            ("alg with a NUL", self.token(header={"alg": "ES256\0"}), NO_ALG),
        ]
        await self.refuse(rows)

    async def test_signatures_of_no_good_form(self):
        head, body, signature = self.token().split(".")
        r, s = raw(signature)[:32], raw(signature)[32:]
        text = head + "." + body
        zero = bytes(32)
        der = bytes([0x30, 4 + 33 + 33, 2, 33, 0]) + r + bytes([2, 33, 0]) + s
        n = P256_N.to_bytes(32, "big")
        rs_head, rs_body, rs_signature = self.token("RS256").split(".")
        ed = self.token("EdDSA").split(".")
        rows = [
            ("r and s are zero", text + "." + b64(zero + zero), BAD_SIGNATURE),
            ("r is zero", text + "." + b64(zero + s), BAD_SIGNATURE),
            ("s is zero", text + "." + b64(r + zero), BAD_SIGNATURE),
            ("r and s are the order", text + "." + b64(n + n), BAD_SIGNATURE),
            ("r and s are exchanged", text + "." + b64(s + r), BAD_SIGNATURE),
            ("in DER", text + "." + b64(der), BAD_LENGTH),
            ("half of it", text + "." + b64(r), BAD_LENGTH),
            ("one byte more", text + "." + b64(r + s + b"\0"), BAD_LENGTH),
            ("none at all", text + ".", "signature is not base64url"),
            ("with padding", text + "." + signature + "==", "signature is not base64url"),
            ("in plain base64", text + ".+/" + signature[2:], "signature is not base64url"),
            ("bits left over", text + "." + signature[:-1] + "B", "signature is not base64url"),
            ("RSA: all zero", "%s.%s.%s" % (rs_head, rs_body, b64(bytes(256))), BAD_SIGNATURE),
            ("RSA: cut", "%s.%s.%s" % (rs_head, rs_body, b64(raw(rs_signature)[:-1])), BAD_SIGNATURE),
            ("RSA: longer than the key", "%s.%s.%s" % (rs_head, rs_body, b64(b"\0" + raw(rs_signature))),
             BAD_SIGNATURE),
            ("Ed25519: all zero", "%s.%s.%s" % (ed[0], ed[1], b64(bytes(64))), BAD_SIGNATURE),
            ("Ed25519: cut", "%s.%s.%s" % (ed[0], ed[1], b64(raw(ed[2])[:63])), BAD_SIGNATURE),
            ("HMAC: cut", ".".join(self.token("HS256").split(".")[:2]) + "." + b64(bytes(16)), BAD_LENGTH),
        ]
        await self.refuse(rows)

    async def test_headers_and_forms_that_are_none(self):
        claims = json.dumps(self.claims())
        head = '{"alg":"ES256","kid":"k-ES256"%s}'
        good = self.token()
        three = good.split(".")
        parts = "not a token of three parts"
        rows = [
            ("a word", "insecure-would-take-this", parts),
            ("two parts", ".".join(three[:2]), parts),
            ("four parts", good + ".AAAA", "signature is not base64url"),
            ("dots", "..", NO_HEADER),
            ("a header that is no base64url", "!!!!." + three[1] + "." + three[2], NO_HEADER),
            ("a header with padding", self.signed_parts(three[0] + "=." + three[1]), NO_HEADER),
            ("a header that is no JSON", self.signed("alg=ES256", claims), NO_HEADER),
            ("a header that is a list", self.signed('["ES256"]', claims), NO_HEADER),
            ("a header with rubbish behind it", self.signed(head % "" + "{}", claims), NO_HEADER),
            ("alg twice", self.signed(head % ',"alg":"HS256"', claims), "header names something twice"),
            ("alg twice, once escaped", self.signed(head % ',"\\u0061lg":"HS256"', claims),
             "header names something twice"),
            ("kid twice", self.signed(head % ',"kid":"k-HS256"', claims), "header names something twice"),
            ("crit", self.signed(head % ',"crit":["exp"],"exp":1', claims), "header has crit"),
            ("crit that is empty", self.signed(head % ',"crit":[]', claims), "header has crit"),
            ("typ that is a number", self.signed(head % ',"typ":1', claims), "typ is not a string"),
            ("alg that is a number", self.signed('{"alg":256}', claims), NO_ALG),
            ("no alg", self.signed('{"kid":"k-ES256"}', claims), NO_ALG),
            ("kid that is a number", self.signed('{"alg":"ES256","kid":1}', claims),
             "kid is not a string of at most 256 bytes"),
            ("kid of 257 bytes", self.token(header={"kid": "k" * 257}),
             "kid is not a string of at most 256 bytes"),
        ]
        await self.refuse(rows)

    async def test_claims_that_are_not_ours_or_not_now(self):
        now = int(time.time())
        rows = [
            ("expired", self.token(exp=now - 1), "expired"),
            ("expired long ago", self.token(exp=0), "expired"),
            ("exp that is text", self.token(exp="never"), "exp is not a date"),
            ("exp below zero", self.token(exp=-1), "exp is not a date"),
            ("not yet", self.token(nbf=now + 1000), "not valid yet"),
            ("nbf that is text", self.token(nbf="soon"), "nbf is not a date"),
            ("from the future", self.token(iat=now + 1000), "issued in the future"),
            ("iat that is a list", self.token(iat=[now]), "iat is not a date"),
            ("for others", self.token(aud="bank"), "aud is somebody else"),
            ("for a list of others", self.token(aud=["bank", "chatty"]), "aud is somebody else"),
            ("for a number", self.token(aud=7), "aud is not a string or an array of strings"),
            ("for nobody", self.token(aud=None), "aud is missing"),
            ("of others", self.token(iss="testss"), "iss is somebody else"),
            ("of a number", self.token(iss=7), "iss is not a string"),
            ("of nobody", self.token(iss=None), "iss is missing"),
            ("no sub", self.token(sub=None), "sub is missing or not a string"),
            ("sub that is a number", self.token(sub=7), "sub is missing or not a string"),
            ("sub that is empty", self.token(sub=""), "sub is not a valid name"),
            ("sub of 129 bytes", self.token(sub="x" * 129), "sub is not a valid name"),
        ]
        await self.refuse(rows)

    async def test_claims_that_cannot_be_read_or_are_too_much(self):
        head = '{"alg":"ES256","kid":"k-ES256"}'
        three = self.token().split(".")
        body = json.dumps(self.claims())[:-1]
        rows = [
            ("no JSON", self.signed(head, "sub=mallory"), NO_CLAIMS),
            ("a list", self.signed(head, "[%s}]" % body), NO_CLAIMS),
            ("null", self.signed(head, "null"), NO_CLAIMS),
            ("nothing", self.signed(head, ""), NO_CLAIMS),
            ("no base64url", self.signed_parts(three[0] + "." + three[1][:-1] + "*"), NO_CLAIMS),
            ("cut JSON", self.signed(head, body), NO_CLAIMS),
            ("bad UTF-8", self.signed_parts(b64(head.encode()) + "." + b64(
                body.encode() + b',"x":"\xff"}')), NO_CLAIMS),
            ("sub twice", self.signed(head, body + ',"sub":"admin"}'), TWICE),
            ("sub twice, once escaped", self.signed(head, body + ',"su\\u0062":"admin"}'), TWICE),
            ("exp twice", self.signed(head, body + ',"exp":99999999999}'), TWICE),
            ("aud twice", self.signed(head, body + ',"aud":"chat"}'), TWICE),
            ("a control character in sub", self.token(sub="a\nb"), "sub is not a valid name"),
            ("half a surrogate in sub", self.signed(head, body.replace("mallory", "\\ud800") + "}"),
             "sub is not a valid name"),
            ("a NUL in sub", self.token(sub="mallory\0"), "sub is not a valid name"),
            ("too deep", self.signed(head, body + ',"x":%s}' % ("[" * 1000 + "]" * 1000)), NO_CLAIMS),
            ("unknown rights", self.token(rights={"rooms": {"a": ["fly"]}}),
             "a right is none of join publish history presence"),
        ]
        await self.refuse(rows)

    async def test_what_is_too_long_does_not_reach_the_router(self):
        """The edge reads so much of a request and no more; a longer token cannot be a good one."""
        for size in (9000, 20000, 70000):
            with self.subTest(size):
                token = self.token(filler="x" * size)
                with self.assertRaises(Exception) as raised:
                    await Client.connect(self.cluster.edges[0], welcome=False,
                                         extra_headers={"Authorization": "Bearer " + token})
                self.assertRegex(str(raised.exception), r"431|414|400|4\d\d|connection closed|reset")
        await self.client(self.token())

    async def test_good_ones_of_every_algorithm_pass_beside_bad_ones(self):
        async def good(alg, n):
            name = "%s-%d" % (alg, n)
            client = await Client.connect(self.cluster.edges[n % 2], self.token(alg, sub=name))
            self.clients.append(client)
            return client.user == name

        async def bad(alg):
            client = await Client.connect(self.cluster.edges[0], self.token(alg)[:-8], welcome=False)
            return (await client.closed())[0] == 4001
        asked = [job for alg in ALGS for n in range(4) for job in (good(alg, n), bad(alg))]
        self.assertEqual(set(await asyncio.gather(*asked)), {True})


if __name__ == "__main__":
    unittest.main()
