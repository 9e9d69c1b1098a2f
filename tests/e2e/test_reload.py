"""splitrailctl reload: what is live is read again, and the operator hears what changed."""

import json
import os
import shutil
import tempfile
import unittest

from clients import ClusterCase, FreshClusterCase
from test_token_keys import Issuer

KEY = "k-" * 20


class Reload(FreshClusterCase):
    auth = "jwt"
    edges = 1

    async def asyncSetUp(self):
        self.dir = tempfile.mkdtemp(prefix="splitrail-reload-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.issuer = Issuer()
        self.addCleanup(self.issuer.close)
        self.keys = [self.issuer.make("ES256", "one"), self.issuer.make("HS256", "two")]
        self.write("jwks", {"keys": self.keys})
        self.write("policy", {"namespaces": {"chat": {"history": {"messages": 5}}}})
        self.write("api", "first read %s1\nsecond admin %s2\n" % (KEY, KEY))
        self.write("conf", "max-messages-per-second = 70\n")
        self.router_options = ("--config", self.path("conf"), "--policy-file", self.path("policy"),
                               "--jwks-file", self.path("jwks"), "--api-keys-file", self.path("api"))
        await super().asyncSetUp()

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, content):
        handle = os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as out:
            out.write(content if isinstance(content, str) else json.dumps(content))

    def changes(self):
        answer = self.cluster.ctl("reload")
        self.assertEqual((answer["refused"], answer["needRestart"]), ([], []))
        self.assertEqual(answer["total"], len(answer["changes"]))
        return [tuple(c[k] for k in ("what", "name", "field", "from", "to")) for c in answer["changes"]]

    async def test_each_change_is_told_and_counts(self):
        self.assertEqual(self.changes(), [])
        code, out, _ = self.cluster.ctl_raw("reload")
        self.assertEqual((code, out), (0, "nothing changed\n"))
        fresh = self.issuer.make("EdDSA", "three")
        self.write("jwks", {"keys": [self.keys[0], fresh]})
        self.write("policy", {"namespaces": {"chat": {"history": {"messages": 9}},
                                             "feed": {"echo": "off"}}})
        self.write("api", "first read,publish %s1\nthird admin %s3\n" % (KEY, KEY))
        self.write("conf", "max-messages-per-second = 80\n")
        self.assertEqual(self.changes(), [
            ("option", "max-messages-per-second", None, "70", "80"),
            ("namespace", "chat", "history.messages", "5", "9"),
            ("namespace", "feed", None, None, "listed"),
            ("namespace", "feed", "echo", "on", "off"),
            ("token_key", "two", "alg", "HS256", None),
            ("token_key", "three", "alg", None, "EdDSA"),
            ("api_key", "first", "scopes", "read", "publish,read"),
            ("api_key", "second", "scopes", "admin", None),
            ("api_key", "third", "scopes", None, "admin")])
        client = await self.client(self.issuer.token("three", sub="new"))
        self.assertEqual(client.user, "new")
        router = self.cluster.router
        self.assertTrue(router.find(r"reload\.change.*what=token_key name=two field=alg from=HS256"))
        self.assertTrue(router.find(r"admin\.action.*action=reload by="))
        self.assertNotIn(KEY, router.output)

    async def test_people_read_a_table(self):
        self.write("conf", "max-bytes-per-second = 2MiB\n")
        code, out, _ = self.cluster.ctl_raw("reload")
        self.assertEqual(code, 0)
        lines = [line.split() for line in out.splitlines()]
        self.assertEqual(lines[0], ["WHAT", "NAME", "FIELD", "FROM", "TO"])
        self.assertIn(["option", "max-bytes-per-second", "-", "1MiB", "2MiB"], lines)

    async def test_a_bad_file_says_where_and_the_others_still_count(self):
        self.write("policy", '{"namespaces":{"chat":{"history":{"messages":"many"}}}}')
        self.write("jwks", '{"keys":[{"kty":"oct","kid":"weak","k":"AAAA"}]}')
        self.write("api", "first read %s1\nsecond root %s2\n" % (KEY, KEY))
        self.write("conf", "max-messages-per-second = 90\nmax-connections-per-user = 7\n")
        code, out, _ = self.cluster.ctl_raw("--json", "reload")
        answer = json.loads(out)
        self.assertEqual(code, 4)
        self.assertEqual([c["name"] for c in answer["changes"]], ["max-messages-per-second"])
        refused = answer["refused"]
        self.assertEqual(len(refused), 3, refused)
        self.assertIn("namespaces.chat.history.messages: must be a number", refused[0])
        self.assertIn("--jwks-file", refused[1])
        self.assertIn("line 2: scopes are", refused[2])
        self.assertEqual(len(answer["needRestart"]), 1)
        self.assertIn("max-connections-per-user", answer["needRestart"][0])
        self.assertNotIn(KEY, out)
        await self.client(self.issuer.token("two", sub="as-before"))
        code, out, _ = self.cluster.ctl_raw("reload")
        self.assertEqual(code, 4)
        self.assertEqual(out.count("refused, as it was before: "), 3)

    async def test_bad_options_refuse_the_whole(self):
        self.write("conf", "max-messages-per-second = many\n")
        self.write("policy", {})
        code, out, _ = self.cluster.ctl_raw("--json", "reload")
        answer = json.loads(out)
        self.assertEqual((code, answer["changes"]), (4, []))
        self.assertIn("max-messages-per-second", answer["refused"][0])


class WithoutFiles(ClusterCase):
    edges = 1

    async def test_there_is_nothing_to_change(self):
        self.assertEqual(self.cluster.ctl("reload")["changes"], [])


if __name__ == "__main__":
    unittest.main()
