"""The HTTP API of the router, against its own OpenAPI document: every call, its scopes, statuses and the
form of its answers."""

import asyncio
import concurrent.futures
import http.client
import json
import os
import shutil
import signal
import socket
import tempfile
import time
import unittest
from urllib.parse import quote, urlencode

from clients import Client, ClusterCase
from cluster import PATIENCE_S, eventually, http_get

KEYS = {scope: (scope + "-") * 8 + "0123456789" for scope in ("publish", "read", "admin")}


def matches(schema, value, document, path="answer"):
    """Raises when the value has not the form that the schema says."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
    if "enum" in schema and value not in schema["enum"]:
        raise AssertionError("%s: %r is none of %s" % (path, value, schema["enum"]))
    if "type" in schema:
        wanted = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(type(value) is kinds[kind] for kind in wanted):
            raise AssertionError("%s: %r is no %s" % (path, value, schema["type"]))
    if isinstance(value, dict):
        for name in schema.get("required", []):
            if name not in value:
                raise AssertionError("%s has no %s: %r" % (path, name, value))
        for name, part in value.items():
            if name in schema.get("properties", {}):
                matches(schema["properties"][name], part, document, path + "." + name)
            elif schema.get("additionalProperties") is False:
                raise AssertionError("%s has %s, of which the document says nothing" % (path, name))
    if isinstance(value, list) and "items" in schema:
        for part in value:
            matches(schema["items"], part, document, path + "[]")


class Api:
    """One key's view of the API; every answer is checked against the document."""

    document = None
    operations = {}

    def __init__(self, port, key):
        self.port = port
        self.key = key

    def raw(self, method, target, body=None, headers=None):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            head = {"Authorization": "Bearer " + self.key} if self.key else {}
            if body is not None:
                head["Content-Type"] = "application/json"
            conn.request(method, target, body, dict(head, **(headers or {})))
            reply = conn.getresponse()
            return reply.status, dict(reply.getheaders()), reply.read().decode()
        finally:
            conn.close()

    def __call__(self, method, template, body=None, query=None, **parts):
        target = template.format(**{k: quote(v, safe="") for k, v in parts.items()})
        target += "?" + urlencode(query) if query else ""
        status, headers, text = self.raw(method, target, None if body is None else json.dumps(body))
        answer = json.loads(text)
        operation = self.document["paths"][template][method.lower()]
        known = operation["responses"].get(str(status))
        if known is None:
            raise AssertionError("%s %s: %d is not in the document: %s" % (method, target, status, text))
        matches(known["content"]["application/json"]["schema"], answer, self.document)
        if status < 300:
            Api.operations.setdefault((method.lower(), template), status)
        return status, answer


class ApiCase(ClusterCase):
    dir = tempfile.mkdtemp(prefix="splitrail-api-")
    keys_file = os.path.join(dir, "keys")
    with open(keys_file, "w", encoding="ascii") as file:
        file.write("# keys of the tests\n")
        for name, key in KEYS.items():
            file.write("%s %s %s\n" % (name, name, key))
        file.write("all publish,read,admin %s\n" % ("all-" * 10))
    os.chmod(keys_file, 0o600)
    router_options = ("--api-keys-file", keys_file, "--api-rate", "0", "--data-dir",
                      os.path.join(dir, "data"))

    def setUp(self):
        super().setUp()
        self.api = Api(self.cluster.http_port, "all-" * 10)
        if Api.document is None:
            Api.document = json.loads(http_get(self.cluster.http_port, "/v1/openapi.json")[2])

    async def call(self, *args, **kwargs):
        return await asyncio.to_thread(self.api, *args, **kwargs)


class Calls(ApiCase):
    async def test_a_published_message_reaches_members_and_history(self):
        room = self.new("api room ")
        one, two = await self.client(edge=0), await self.client(edge=1)
        for member in one, two:
            await member.ok("join", room=room)
        text = '{"payload":{"big": 12345678901234567890, "e": 1.50},"userId":"shop","exclude":"%s"}' % one.id
        status, _, answer = await asyncio.to_thread(
            self.api.raw, "POST", "/v1/rooms/%s/messages" % quote(room), text)
        self.assertEqual(status, 200, answer)
        message, raw = await two.expect_raw("room_message", roomId=room)
        self.assertEqual(message["userId"], "shop")
        self.assertIn('{"big": 12345678901234567890, "e": 1.50}', raw)
        status, page = await self.call("GET", "/v1/rooms/{room}/messages", room=room)
        self.assertEqual(status, 200)
        self.assertEqual([m["offset"] for m in page["messages"]], [message["offset"]])
        await self.call("POST", "/v1/rooms/{room}/messages", {"payload": "all"}, room=room)
        await one.expect("room_message", payload="all")
        self.assertFalse([m for m, _ in one.inbox if m["type"] == "room_message"])

    async def test_a_key_is_published_once(self):
        room = self.new()
        answers = [await self.call("POST", "/v1/rooms/{room}/messages", {"payload": 1, "key": "k"}, room=room)
                   for _ in range(2)]
        self.assertEqual([a[1]["duplicate"] for a in answers], [False, True])
        self.assertEqual(answers[0][1]["offset"], answers[1][1]["offset"])

    async def test_history_goes_on_page_by_page(self):
        room = self.new()
        for i in range(25):
            await self.call("POST", "/v1/rooms/{room}/messages", {"payload": i}, room=room)
        seen, since, epoch = [], 0, None
        while True:
            query = {"since": since, "limit": 10}
            if epoch:
                query["epoch"] = epoch
            _, page = await self.call("GET", "/v1/rooms/{room}/messages", query=query, room=room)
            epoch = page["epoch"]
            if not page["messages"]:
                break
            seen += [m["payload"] for m in page["messages"]]
            since = page["messages"][-1]["offset"]
        self.assertEqual(seen, list(range(25)))

    async def test_a_direct_message_reaches_every_device(self):
        devices = [await self.client("direct", edge=i) for i in range(2)]
        status, answer = await self.call("POST", "/v1/users/{user}/messages",
                                         {"payload": [1], "fromUserId": "shop"}, user=devices[0].user)
        self.assertEqual((status, answer["delivered"]), (200, 2))
        for device in devices:
            message = await device.expect("direct_message")
            self.assertEqual((message["fromUserId"], message["payload"]), ("shop", [1]))

    async def test_a_broadcast_reaches_rooms_by_name_and_by_prefix(self):
        prefix = self.new("cast")
        client = await self.client()
        for i in range(3):
            await client.ok("join", room="%s-%d" % (prefix, i))
        _, answer = await self.call("POST", "/v1/broadcast", {"payload": 1, "prefix": prefix})
        self.assertEqual((answer["rooms"], answer["published"], answer["failed"]), (3, 3, []))
        _, answer = await self.call("POST", "/v1/broadcast",
                                    {"payload": 2, "rooms": [prefix + "-0", prefix + "-new"]})
        self.assertEqual(answer["published"], 2)
        got = [await client.expect("room_message") for _ in range(4)]
        self.assertEqual(sorted(m["payload"] for m in got), [1, 1, 1, 2])

    async def test_pages_of_lists_are_stable_while_users_come_and_go(self):
        prefix = self.new("page")
        clients = [await self.client("%s-%02d" % (prefix, i)) for i in range(6)]
        seen, cursor = [], None
        while True:
            query = {"prefix": "user_" + prefix, "limit": 2, **({"cursor": cursor} if cursor else {})}
            _, page = await self.call("GET", "/v1/users", query=query)
            seen += [u["userId"] for u in page["users"]]
            cursor = page["cursor"]
            if cursor is None:
                break
            await self.client("%s-00-%d" % (prefix, len(seen)))  # behind us: must not move the pages
        self.assertEqual(seen, [c.user for c in clients])

    async def test_who_and_where_is_told(self):
        name, room = self.new("seen"), self.new("seen-room")
        client = await self.client(name, edge=1)
        await client.ok("join", room=room)
        _, answer = await self.call("GET", "/v1/users/{user}", user=client.user)
        user = answer["user"]
        self.assertTrue(user["online"] and answer["synced"])
        self.assertEqual((user["rooms"], user["devices"][0]["edge"]), ([room], "edge-2"))
        _, answer = await self.call("GET", "/v1/connections/{id}", id=client.id)
        self.assertEqual(answer["connection"]["userId"], client.user)
        _, answer = await self.call("GET", "/v1/rooms/{room}", room=room)
        self.assertEqual((answer["room"]["members"], answer["room"]["class"]), (1, "durable"))
        _, answer = await self.call("GET", "/v1/rooms/{room}/members", room=room)
        self.assertEqual([m["userId"] for m in answer["members"]], [client.user])
        _, answer = await self.call("GET", "/v1/rooms", query={"prefix": room})
        self.assertEqual([r["roomId"] for r in answer["rooms"]], [room])
        _, answer = await self.call("GET", "/v1/edges")
        self.assertLessEqual({"edge-1", "edge-2"}, {e["edgeId"] for e in answer["edges"]})

    async def test_figures_now_and_over_time_and_the_key_itself(self):
        client = await self.client()
        before = (await self.call("GET", "/v1/stats"))[1]
        await client.ok("ping")
        after = (await self.call("GET", "/v1/stats"))[1]
        self.assertEqual(after["router"]["ready"], True)
        self.assertEqual(after["figures"]["commands.ping"] - before["figures"]["commands.ping"], 1)
        self.assertGreaterEqual(after["figures"]["connections"], 1)
        await eventually(lambda: self.api("GET", "/v1/series")[1]["samples"], "a first sample")
        series = (await self.call("GET", "/v1/series", query={"limit": 3}))[1]
        self.assertTrue(1 <= len(series["samples"]) <= 3)
        self.assertLessEqual({"at", "connections", "deliveries", "canaryUs"}, set(series["samples"][-1]))
        for name, key in KEYS.items():
            status, _, text = await asyncio.to_thread(Api(self.cluster.http_port, key).raw, "GET", "/v1/key")
            self.assertEqual((status, json.loads(text)), (200, {"name": name, "scopes": [name]}))
        await self.call("GET", "/v1/key")
        edges = (await self.call("GET", "/v1/edges"))[1]["edges"]
        self.assertTrue(all(e["creditBytes"] > 0 and not e["held"] for e in edges))
        await eventually(lambda: all(e["canaryUs"] > 0 for e in self.api("GET", "/v1/edges")[1]["edges"]
                                     if e["state"] == "up"), "canaries tell their time")
        for path, what in (("/v1/rooms/{room}", {"room": "no such"}), ("/v1/connections/{id}", {"id": "x.1.1"})):
            self.assertEqual((await self.call("GET", path, **what))[0], 404)

    async def test_a_user_is_taken_out_of_a_room_and_off_the_server(self):
        room = self.new()
        clients = [await self.client("out", edge=i) for i in range(2)]
        for client in clients:
            await client.ok("join", room=room)
        status, answer = await self.call("DELETE", "/v1/rooms/{room}/members/{user}", room=room,
                                         user=clients[0].user, query={"reason": "too loud"})
        self.assertEqual((status, answer["kicked"]), (200, 2))
        for client in clients:
            self.assertEqual((await client.expect("kicked"))["reason"], "too loud")
        status, answer = await self.call("DELETE", "/v1/users/{user}/connections", user=clients[0].user)
        self.assertEqual((status, answer["kicked"]), (200, 2))
        for client in clients:
            await asyncio.wait_for(client.socket.wait_closed(), PATIENCE_S)
            self.assertEqual(client.socket.close_code, 4003)
        # Their edges have closed them; the router hears it from these.
        await eventually(lambda: self.api("DELETE", "/v1/users/{user}/connections",
                                          user=clients[0].user)[0] == 404, "nobody is left")
        self.assertTrue(self.cluster.router.find(r"api\.action key=all .*method=DELETE"))

    async def test_a_kick_may_ban(self):
        client = await self.client("banned")
        status, answer = await self.call("DELETE", "/v1/users/{user}/connections", user=client.user,
                                         query={"ban": "10m", "reason": "spam"})
        self.assertEqual((status, answer["kicked"]), (200, 1))
        self.assertEqual((await client.closed())[0], 4003)
        self.assertEqual([ban["by"] for ban in self.cluster.ctl("bans")["bans"]], ["api:all"])
        self.assertTrue(self.cluster.router.find(r"admin\.action.*action=kick by=api:all .*for_ms=600000"))
        again = await Client.connect(self.cluster.edges[1], "banned", welcome=False)
        self.assertEqual((await again.closed())[0], 4003)
        self.cluster.ctl("unban", "user", client.user)
        await self.client("banned", edge=1)

    async def test_a_drained_edge_moves_its_clients_and_ends(self):
        edge = await asyncio.to_thread(self.cluster.add_edge)
        client = await self.client(edge=len(self.cluster.edges) - 1)
        status, answer = await self.call("POST", "/v1/edges/{id}/drain", id=edge.id)
        self.assertEqual((status, answer), (202, {"edgeId": edge.id, "draining": True}))
        edge.program.may_die = True
        await client.expect("server_shutdown")
        self.assertEqual(await asyncio.to_thread(edge.program.wait), 0)
        self.cluster.edges.remove(edge)
        await eventually(lambda: self.api("POST", "/v1/edges/{id}/drain", id=edge.id)[0] == 404, "it is gone")

    async def test_every_call_of_the_document_was_made(self):
        """Runs the ones that other tests may have left out, and compares with the document."""
        for name in sorted(n for n in dir(self) if n.startswith("test_") and "document_was" not in n):
            await getattr(self, name)()
        await self.call("GET", "/v1/openapi.json")
        wanted = {(method, path) for path, methods in Api.document["paths"].items() for method in methods}
        self.assertEqual(set(Api.operations), wanted)


class Refusals(ApiCase):
    async def test_each_call_needs_its_scope(self):
        for path, methods in Api.document["paths"].items():
            for method, operation in methods.items():
                target = path.replace("{", "").replace("}", "")
                body = '{"payload":1,"rooms":["x"]}' if "requestBody" in operation else None
                scope = operation.get("x-scope")
                for name, key in KEYS.items():
                    status, _, text = await asyncio.to_thread(
                        Api(self.cluster.http_port, key).raw, method.upper(), target, body)
                    self.assertEqual(status == 403, scope not in (None, name), (method, path, name, text))
                    self.assertIn(str(status), operation["responses"], (method, path, text))

    async def test_errors_are_json_with_a_code(self):
        table = [
            ("GET", "/v1/nothing", None, {}, 404, "unknown_path"),
            ("PATCH", "/v1/rooms", None, {}, 405, "method_not_allowed"),
            ("OPTIONS", "/v1/rooms", None, {"Origin": "http://x", "Access-Control-Request-Method": "GET"}, 405,
             "method_not_allowed"),
            ("GET", "/v1/rooms?limit=0", None, {}, 400, "bad_query"),
            ("GET", "/v1/rooms/%ff", None, {}, 400, "bad_path"),
            ("POST", "/v1/rooms/r/messages", "{", {}, 400, "invalid_json"),
            ("POST", "/v1/rooms/r/messages", "{}", {}, 422, "invalid_field"),
            ("POST", "/v1/rooms/r/messages", '{"payload":1}', {"Content-Type": "text/plain"}, 415,
             "unsupported_media_type"),
            ("POST", "/v1/rooms/r/messages", '{"payload":"%s"}' % ("x" * 70000), {}, 413, "body_too_large"),
            ("POST", "/v1/rooms/r/messages", '{"payload":1}' + " " * 400000, {}, 413, "body_too_large"),
        ]
        for method, target, body, headers, status, code in table:
            got, head, text = await asyncio.to_thread(self.api.raw, method, target, body, headers)
            self.assertEqual((got, json.loads(text)["error"]["code"]), (status, code), (method, target, text))
            self.assertFalse([h for h in head if h.lower().startswith("access-control")])
            if status == 405:
                self.assertEqual(head["Allow"], "GET, HEAD")

    async def test_strangers_are_refused_and_slowed_down(self):
        stranger = Api(self.cluster.http_port, "wrong-" * 8)
        with concurrent.futures.ThreadPoolExecutor(10) as pool:  # more than a second's worth, also of a slow one
            got = list(pool.map(lambda _: stranger.raw("GET", "/v1/rooms"), range(100)))
        got.sort(key=lambda answer: answer[0])
        self.assertEqual({status for status, _, _ in got}, {401, 429})
        self.assertEqual(got[0][1]["WWW-Authenticate"], "Bearer")
        self.assertTrue(all(int(h["Retry-After"]) >= 1 for s, h, _ in got if s == 429))
        self.assertEqual((await self.call("GET", "/v1/rooms"))[0], 200)
        self.assertTrue(self.cluster.router.find(r"api\.denied .*address=127\.0\.0\.1 .*reason="))
        self.assertNotIn("wrong-", self.cluster.router.output)
        await asyncio.sleep(1)

    async def test_the_api_is_not_at_a_clients_port(self):
        edge = self.cluster.edges[0]
        for port in edge.port, edge.http_port:
            status, _, _ = await asyncio.to_thread(
                Api(port, self.api.key).raw, "GET", "/v1/rooms")
            self.assertIn(status, (400, 404, 426))

    async def test_a_client_that_goes_away_or_dawdles_harms_nobody(self):
        head = ("POST /v1/rooms/gone/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                "Content-Type: application/json\r\nContent-Length: 13\r\n\r\n" % self.api.key).encode()
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", self.cluster.http_port)) as s:
                s.sendall(head + b'{"payload":1}')
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        slow = [socket.create_connection(("127.0.0.1", self.cluster.http_port)) for _ in range(20)]
        for s in slow:
            s.sendall(head[:40])
        self.assertEqual((await self.call("GET", "/v1/rooms"))[0], 200)
        # One byte each second is no silence, and yet the request has its time.
        started = time.monotonic()
        open_ones = list(slow)
        while open_ones and time.monotonic() - started < 3 * PATIENCE_S:
            await asyncio.sleep(1)
            for s in list(open_ones):
                try:
                    s.sendall(b"x")
                except OSError:
                    open_ones.remove(s)
        for s in slow:
            s.close()
        self.assertFalse(open_ones)

    async def test_connections_have_a_limit_and_the_rest_is_served(self):
        many = [socket.create_connection(("127.0.0.1", self.cluster.http_port)) for _ in range(600)]
        def served():
            try:
                return self.api("GET", "/v1/rooms")[0] == 200
            except OSError:
                return False
        for s in many[:200]:
            s.close()
        await eventually(served, "somebody is served")
        for s in many:
            s.close()


class Keys(ApiCase):
    async def test_a_key_that_ctl_made_works_after_a_hangup(self):
        code, out, err = self.cluster.ctl_raw("apikey", "new", "--scope", "read", "--json")
        self.assertEqual(code, 0, err)
        made = json.loads(out)
        fresh = Api(self.cluster.http_port, made["key"])
        self.assertEqual((await asyncio.to_thread(fresh.raw, "GET", "/v1/rooms"))[0], 401)
        with open(self.keys_file, encoding="ascii") as file:
            before = file.read()
        try:
            with open(self.keys_file, "a", encoding="ascii") as file:
                file.write(made["line"] + "\n")
            self.cluster.router.send_signal(signal.SIGHUP)
            await eventually(lambda: fresh.raw("GET", "/v1/rooms")[0] == 200, "the new key is known")
            self.assertEqual((await asyncio.to_thread(fresh.raw, "DELETE", "/v1/users/u/connections"))[0], 403)
            with open(self.keys_file, "w", encoding="ascii") as file:
                file.write("broken\n")
            self.cluster.router.send_signal(signal.SIGHUP)
            await eventually(lambda: self.cluster.router.find(r"line 1: a line is NAME"), "it is told")
            self.assertEqual((await asyncio.to_thread(fresh.raw, "GET", "/v1/rooms"))[0], 200)
            os.chmod(self.keys_file, 0o666)
            self.cluster.router.send_signal(signal.SIGHUP)
        finally:
            os.chmod(self.keys_file, 0o600)
            with open(self.keys_file, "w", encoding="ascii") as file:
                file.write(before)
            self.cluster.router.send_signal(signal.SIGHUP)
        await eventually(lambda: fresh.raw("GET", "/v1/rooms")[0] in (401, 429), "the key is gone")
        for args in (("apikey", "a b"), ("apikey", "a", "--scope", "root"), ("apikey",)):
            self.assertEqual(self.cluster.ctl_raw(*args)[0], 1)


class Restart(ApiCase):
    async def test_an_answered_message_outlives_the_router(self):
        room = self.new("kept")
        for i in range(5):
            status, _ = await self.call("POST", "/v1/rooms/{room}/messages", {"payload": i}, room=room)
            self.assertEqual(status, 200)
        self.cluster.router.kill()
        self.cluster.start_router()
        await self.cluster.ready()
        _, page = await self.call("GET", "/v1/rooms/{room}/messages", query={"since": 2}, room=room)
        self.assertEqual([m["payload"] for m in page["messages"]], [2, 3, 4])


def tearDownModule():
    shutil.rmtree(ApiCase.dir)


if __name__ == "__main__":
    unittest.main()
