"""The compose cluster through its published port, with the clients of the end-to-end tests.

container-test.sh starts it and says by environment how to reach it: COMPOSE (the compose command with
its options), the published ports, and CLIENTS, how many are there while edges come and go.
"""

import asyncio
import http.client
import json
import os
import shlex
import shutil
import ssl
import subprocess
import sys
import time
import unittest
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
E2E = os.path.join(HERE, "..", "tests", "e2e")
sys.path.insert(0, E2E)

from clients import Client
from cluster import eventually, http_get
from crowd import Crowd

COMPOSE = shlex.split(os.environ["COMPOSE"])
PORT = int(os.environ["SPLITRAIL_PORT"])
CLIENTS = int(os.environ["CLIENTS"])


class Published:
    """What clients connect to; HAProxy chooses the edge."""
    url = "ws://127.0.0.1:%d/ws" % PORT


def run(*args, timeout=240):
    done = subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout)
    if done.returncode != 0:
        raise AssertionError("%s: exit %d: %s" % (" ".join(args), done.returncode, done.stderr[-2000:]))
    return done.stdout


def compose(*args):
    return run(*COMPOSE, *args)


def ctl(*args):
    """splitrailctl inside the router's container, as an operator would."""
    return json.loads(compose("exec", "-T", "router", "splitrailctl", "--json", *args))


def edges_up():
    return sorted(e["edgeId"] for e in ctl("edges")["edges"] if e["state"] == "up")


def edges_with_clients():
    return {e["edgeId"]: e["connections"] for e in ctl("edges")["edges"]
            if e["state"] == "up" and e["connections"] > 0}


def containers(service):
    return compose("ps", "-q", service).split()


def stop_and_remove(container, grace_s):
    """As `docker stop` does, which kills after the grace: its exit code, and how long it took."""
    begin = time.monotonic()
    run("docker", "stop", "-t", str(grace_s), container)
    took = time.monotonic() - begin
    code = int(run("docker", "inspect", "-f", "{{.State.ExitCode}}", container))
    run("docker", "rm", container)
    return code, took


def scale(edges):
    compose("up", "-d", "--no-deps", "--no-recreate", "--scale", "edge=%d" % edges, "edge")


def published_health():
    """Whether the port says that it takes clients; while HAProxy starts nobody is there to say it."""
    try:
        return http_get(PORT, "/health")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def front_gateway():
    """The address under which this machine's own connections arrive in the network `front`."""
    haproxy = compose("ps", "-q", "haproxy").strip()
    networks = json.loads(run("docker", "inspect", "-f", "{{json .NetworkSettings.Networks}}", haproxy))
    return next(iter(networks.values()))["Gateway"]


class Containers(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)  # says that a busy machine is slow, over and over
        self.clients = []
        await asyncio.to_thread(scale, 3)
        await self.edges_take_clients(3)

    async def asyncTearDown(self):
        await asyncio.gather(*(c.close() for c in self.clients), return_exceptions=True)

    async def client(self, name, **options):
        client = await Client.connect(Published, name, **options)
        client.edge = client.welcome["serverId"]
        self.clients.append(client)
        return client

    async def edges_take_clients(self, count):
        """Until HAProxy has found that many edges: the probes stay open, so each goes elsewhere. Those with
        clients have been found."""
        await eventually(published_health, "an edge behind the port")
        seen = {edge: [] for edge in await asyncio.to_thread(edges_with_clients)}
        end = time.monotonic() + 30
        while len(seen) != count and time.monotonic() < end:
            probe = await Client.connect(Published, "probe")
            seen.setdefault(probe.welcome["serverId"], []).append(probe)
            await asyncio.sleep(0.05)
        await asyncio.gather(*(p.close() for probes in seen.values() for p in probes))
        self.assertEqual(len(seen), count, "edges that took clients: %s" % sorted(seen))

    async def members(self, room, count):
        """That many users, each joined to the room, on at least two edges."""
        clients = [await self.client("%s-%d" % (room, i)) for i in range(count)]
        for client in clients:
            await client.ok("join", room=room)
        self.assertGreaterEqual(len({c.edge for c in clients}), 2)
        return clients

    async def everybody_hears_everybody(self, room, clients, tag, each=5):
        """Every member gets every message once, in the order of the room, its own included."""
        async def say(client, who):
            for i in range(each):
                await client.ok("room_message", room=room, payload=[tag, who, i])
        await asyncio.gather(*(say(client, who) for who, client in enumerate(clients)))
        expected = sorted([tag, who, i] for who in range(len(clients)) for i in range(each))
        order = None
        for client in clients:
            heard = [await client.expect("room_message", roomId=room) for _ in expected]
            self.assertEqual(sorted(m["payload"] for m in heard), expected)
            self.assertEqual(await client.settled("room_message"), [])
            offsets = [m["offset"] for m in heard]
            self.assertEqual(offsets, list(range(offsets[0], offsets[0] + len(expected))))
            order = order or [m["payload"] for m in heard]
            self.assertEqual([m["payload"] for m in heard], order)

    def assert_undisturbed(self, clients):
        for client in clients:
            self.assertFalse(client.ended, "%s was closed" % client.user)
            strange = [m for m in client.heard()
                       if m["type"] in ("user_left", "server_shutdown", "kicked", "gap", "error")]
            self.assertEqual(strange, [])

    async def test_1_users_on_different_edges_chat_in_one_room(self):
        clients = await self.members("chat", 6)
        await self.everybody_hears_everybody("chat", clients, "chat")
        await clients[0].ok("direct_message", targetUserId=clients[5].user, payload="psst")
        self.assertEqual((await clients[5].expect("direct_message"))["payload"], "psst")
        self.assert_undisturbed(clients)

    async def test_0_router_and_edges_speak_in_keys_that_the_first_start_made(self):
        logs = await asyncio.to_thread(compose, "logs", "--no-color", "router", "edge")
        self.assertNotIn("insecure.plane", logs)
        links = await asyncio.to_thread(
            compose, "exec", "-T", "router", "cat", "/etc/splitrail/router/edges.allowed")
        self.assertRegex(links, r"^\S{40} \*\n$")
        seen = await asyncio.to_thread(compose, "exec", "-T", "edge", "ls", "/etc/splitrail/router")
        self.assertEqual(seen, "")
        await asyncio.to_thread(compose, "run", "--rm", "keys")
        again = await asyncio.to_thread(
            compose, "exec", "-T", "router", "cat", "/etc/splitrail/router/edges.allowed")
        self.assertEqual(again, links)

    async def test_2_the_routers_container_tells_who_is_there_and_from_where(self):
        forged = {"X-Forwarded-For": "192.0.2.66"}
        devices = [await self.client("seen", extra_headers=forged) for _ in range(3)]
        answer = await asyncio.to_thread(ctl, "presence", "user", "user_seen")
        self.assertIs(answer["synced"], True)
        user = answer["users"][0]
        self.assertEqual((user["userId"], user["online"], user["connections"]), ("user_seen", True, 3))
        self.assertEqual(sorted(c["connectionId"] for c in user["devices"]), sorted(d.id for d in devices))
        self.assertEqual(sorted(c["edge"] for c in user["devices"]), sorted(d.edge for d in devices))
        self.assertEqual({c["address"] for c in user["devices"]},
                         {await asyncio.to_thread(front_gateway)})
        for device in devices:
            await device.close()
        await eventually(lambda: not ctl("presence", "user", "user_seen")["users"][0]["online"],
                         "offline after the last device closed")

    async def test_3_no_client_notices_a_router_that_is_restarted_killed_or_replaced(self):
        clients = await self.members("deploy", 6)
        await self.everybody_hears_everybody("deploy", clients, "before")
        rows = (("restarted", [("restart", "router")]),
                ("killed", [("kill", "router"), ("start", "router")]),
                ("replaced", [("up", "-d", "--no-deps", "--force-recreate", "router")]))
        for tag, replace in rows:
            with self.subTest(tag):
                for command in replace:
                    await asyncio.to_thread(compose, *command)
                await self.everybody_hears_everybody("deploy", clients, tag)
                self.assert_undisturbed(clients)
                answer = await eventually(lambda: self.synced_room("deploy"), "presence is whole")
                self.assertEqual({m["userId"] for m in answer["members"]}, {c.user for c in clients})
                self.assertEqual(len(await asyncio.to_thread(edges_up)), 3)
        # All of it was on the volume: the room's life is the same, and whoever comes can read it.
        self.assertEqual([m for c in clients for m in c.heard("epoch")], [])
        reader = await self.client("reader")
        await reader.ok("join", room="deploy")
        history = await reader.ok("history", room="deploy", limit=1000)
        self.assertEqual({m["payload"][0] for m in history["messages"]},
                         {"before", *(tag for tag, _ in rows)})

    @staticmethod
    def synced_room(room):
        """What the router says of it, once it knows again; it may not answer while it starts."""
        try:
            answer = ctl("presence", "room", room)
        except AssertionError:
            return None
        return answer if answer["synced"] else None

    async def test_4_an_edge_that_is_taken_away_moves_its_clients_and_disturbs_nobody_else(self):
        clients = await self.members("scale", 9)
        edges = await asyncio.to_thread(edges_up)
        self.assertEqual({c.edge for c in clients}, set(edges))
        shrink = asyncio.create_task(asyncio.to_thread(scale, 2))
        moved, stayed = await self.move_from_the_leaving_edge(clients)
        await shrink
        self.assertTrue(moved and stayed)
        self.assert_undisturbed(stayed + moved)
        left = await eventually(lambda: len(edges_up()) == 2 and edges_up(), "two edges")
        self.assertEqual({c.edge for c in stayed + moved}, set(left))
        await self.everybody_hears_everybody("scale", stayed + moved, "after")
        self.assert_undisturbed(stayed + moved)
        await asyncio.to_thread(scale, 3)
        await self.edges_take_clients(3)
        self.assert_undisturbed(stayed + moved)

    async def crowd(self, name, clients):
        crowd = Crowd(lambda: Published.url, name, clients)
        self.clients.append(crowd)
        await crowd.joined()
        return crowd

    async def scaled(self, edges):
        await asyncio.to_thread(scale, edges)
        await eventually(lambda: len(edges_up()) == edges, "%d edges" % edges, 60)

    async def told(self, what, crowd):
        """Figures since the last time; and that nobody lost anything or was closed without a drain."""
        figures = await crowd.figures()
        print("\n    %s: %s" % (what, str(figures)), end="", flush=True)
        self.assertEqual(crowd.faults()[:5], [])
        self.assertEqual(figures.cut, 0)
        return figures

    async def assert_all_present(self, *crowds):
        for crowd in crowds:
            await crowd.settle()
            self.assertEqual(crowd.faults()[:5], [])
            for traffic in crowd.sample():
                present = await asyncio.to_thread(ctl, "presence", "room", traffic.members[0].room)
                self.assertEqual({m["userId"] for m in present["members"]},
                                 {m.client.user for m in traffic.members})
        await eventually(lambda: sum(edges_with_clients().values()) == sum(c.clients for c in crowds),
                         "as many connections as clients")

    async def test_5_no_message_is_lost_when_edges_come_and_go_under_traffic(self):
        await self.scaled(2)
        tide = await self.crowd("tide", CLIENTS // 2)
        await tide.figures()
        await self.scaled(5)
        await self.edges_take_clients(5)
        figures = await self.told("2 to 5 edges", tide)
        self.assertEqual(figures.moved, 0)
        flood = await self.crowd("flood", CLIENTS // 2)  # who is on the new edges has to leave again
        self.assertEqual(len(await asyncio.to_thread(edges_with_clients)), 5)
        await self.scaled(2)
        moved = [await self.told("5 to 2 edges, who was there before", tide),
                 await self.told("5 to 2 edges, who came then", flood)]
        self.assertGreater(sum(f.moved for f in moved), 0)
        await self.assert_all_present(tide, flood)

    async def test_6_no_message_is_lost_when_every_container_is_replaced_under_traffic(self):
        await self.scaled(3)
        crowd = await self.crowd("rolling", CLIENTS)
        await crowd.figures()
        for edge in await asyncio.to_thread(containers, "edge"):
            code, took = await asyncio.to_thread(stop_and_remove, edge, 40)
            self.assertEqual(code, 0, "an edge was killed after its grace")
            self.assertLess(took, 40)
            await self.scaled(3)
            await crowd.joined()
            figures = await self.told("an edge replaced, which drained for %.1f s" % took, crowd)
            self.assertGreater(figures.moved, 0)
        await self.replace_the_router(crowd)
        # What clients are connected to cannot go without them, but what they miss they get afterwards.
        await asyncio.to_thread(compose, "up", "-d", "--no-deps", "--force-recreate", "haproxy")
        await eventually(published_health, "HAProxy is back")
        await crowd.joined()
        figures = await crowd.figures()
        print("\n    HAProxy replaced: %s" % str(figures), end="", flush=True)
        self.assertEqual(figures.cut, CLIENTS)
        await self.assert_all_present(crowd)

    async def replace_the_router(self, crowd):
        async def unnoticed(how):
            await eventually(lambda: self.synced_room("rolling-0"), "presence is whole", 60)
            figures = await self.told("the router " + how, crowd)
            self.assertEqual(figures.moved, 0, "a client noticed")
        router = (await asyncio.to_thread(containers, "router"))[0]
        code, _ = await asyncio.to_thread(stop_and_remove, router, 30)
        self.assertEqual(code, 0, "the router was killed after its grace")
        await asyncio.to_thread(compose, "up", "-d", "--no-deps", "router")
        await unnoticed("replaced")
        await asyncio.to_thread(compose, "kill", "router")
        await asyncio.to_thread(compose, "start", "router")
        await unnoticed("killed and started")

    async def test_7_a_client_of_another_stack_chats_through_the_port(self):
        if shutil.which("node") is None:
            self.skipTest("no node here")
        host = await self.client("host")
        await host.ok("join", room="mixed")
        node = await asyncio.create_subprocess_exec(
            "node", "--experimental-websocket", "--no-warnings",
            os.path.join(E2E, "programs", "room_chat.mjs"), Published.url, "mixed",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            await host.expect("room_message", payload="hello from node", timeout=30)
            answer = await asyncio.to_thread(ctl, "presence", "user", "user_node")
            self.assertIs(answer["users"][0]["online"], True)
            await host.ok("room_message", room="mixed", payload="hello to node")
            await host.expect("room_message", payload="heard: hello to node")
            out, _ = await asyncio.wait_for(node.communicate(), 30)
            self.assertEqual(node.returncode, 0, out.decode())
        finally:
            if node.returncode is None:
                node.kill()

    async def test_8_the_profile_tls_takes_clients_with_the_given_certificate(self):
        context = ssl.create_default_context(cafile=os.environ["SPLITRAIL_TLS_FILE"])
        secure = await Client.connect("wss://localhost:%s/ws" % os.environ["SPLITRAIL_TLS_PORT"], "secure",
                                      ssl=context)
        self.clients.append(secure)
        plain = await self.client("plain")
        for client in (secure, plain):
            await client.ok("join", room="both")
        await self.everybody_hears_everybody("both", [secure, plain], "tls")

    async def test_9_the_profile_monitoring_scrapes_every_edge_that_there_is(self):
        def query(text):
            status, _, body = http_get(int(os.environ["PROMETHEUS_PORT"].rpartition(":")[2]),
                                       "/api/v1/query?query=" + urllib.parse.quote(text))
            self.assertEqual(status, 200, body)
            return json.loads(body)["data"]["result"]
        def scraped(edges):
            return lambda: (len(query('up{job="splitrail-edge"} == 1')),
                            len(query('up{job="splitrail-router"} == 1'))) == (edges, 1)
        await self.client("watched")
        await eventually(scraped(3), "three edges are scraped", 60)
        await eventually(lambda: query("sum(ws_active_connections)")[0]["value"][1] == "1", "one client", 60)
        await self.scaled(4)
        await eventually(scraped(4), "the new edge is scraped", 60)
        await asyncio.to_thread(self.every_panel_is_understood, query)

    def every_panel_is_understood(self, query):
        with open(os.path.join(HERE, "monitoring", "dashboard.json"), encoding="utf-8") as file:
            panels = json.load(file)["panels"]
        queries = [t["expr"].replace("$__rate_interval", "30s").replace("$instance", ".*")
                   for panel in panels for t in panel.get("targets", [])]
        self.assertGreater(len(queries), 10)
        answered = sum(1 for text in queries if query(text))
        print("%d of the dashboard's %d queries have data" % (answered, len(queries)), end=" ... ", flush=True)
        self.assertGreater(answered, len(queries) // 2)

    async def move_from_the_leaving_edge(self, clients):
        """Who hears server_shutdown comes back when closed: (those anew, all others)."""
        told = [asyncio.create_task(c.expect("server_shutdown", timeout=60)) for c in clients]
        await asyncio.wait(told, return_when=asyncio.FIRST_COMPLETED)
        leaving = next(c.edge for c, t in zip(clients, told) if t.done())
        stayed = [c for c in clients if c.edge != leaving]
        for client, task in zip(clients, told):
            if client in stayed:
                task.cancel()

        async def move(client, task):
            self.assertLessEqual((await task)["reconnectDelay"], 5000)
            code, _ = await client.closed()
            self.assertEqual(code, 1012)
            again = await self.client(client.user[len("user_"):])
            await again.ok("join", room="scale")
            return again
        moved = await asyncio.gather(
            *(move(c, t) for c, t in zip(clients, told) if c not in stayed))
        return list(moved), stayed


def main():
    loader = unittest.TestLoader()
    loader.testNamePatterns = ["*%s*" % name for name in sys.argv[1:]] or None
    suite = loader.loadTestsFromTestCase(Containers)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    failed = len({test.id().split(" ")[0] for test, _ in result.failures + result.errors})
    print("%d passed, %d failed" % (result.testsRun - failed, failed), flush=True)
    if not result.wasSuccessful():
        sys.stdout.write(subprocess.run(
            [*COMPOSE, "logs", "--no-color", "--tail", "60"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60).stdout)
        print("%d passed, %d failed" % (result.testsRun - failed, failed), flush=True)
    sys.exit(0 if result.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
