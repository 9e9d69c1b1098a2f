"""Console and demo page in headless Chromium: what they show, what they do, by keyboard, with hostile
names, in light, dark and phone width. With SPLITRAIL_SCREENSHOTS=FOLDER the pictures are kept."""

import asyncio
import json
import os
import shutil
import tempfile
import unittest
from urllib.parse import quote

from clients import ClusterCase, FreshClusterCase
from cluster import http_get
from devtools import Browser

KEYS = {"ops": "ops-" * 10, "viewer": "viewer-" * 6, "sender": "sender-" * 6}
SCOPES = {"ops": "publish,read,admin", "viewer": "read", "sender": "publish"}
HOSTILE = "<img src=x onerror=alert(1)>'\"&</script>"
SHOTS = os.environ.get("SPLITRAIL_SCREENSHOTS")

DIR = tempfile.mkdtemp(prefix="splitrail-console-")
KEYS_FILE = os.path.join(DIR, "keys")
with open(KEYS_FILE, "w", encoding="ascii") as keys_file:
    for key_name, key in KEYS.items():
        keys_file.write("%s %s %s\n" % (key_name, SCOPES[key_name], key))
os.chmod(KEYS_FILE, 0o600)


def tearDownModule():
    shutil.rmtree(DIR)


class Pages:
    """A browser for each test. At its end: nothing was asked from elsewhere, nothing complained."""

    router_options = ("--api-keys-file", KEYS_FILE, "--api-rate", "0", "--id", "router-1")

    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.console = "http://127.0.0.1:%d/console/" % self.cluster.http_port
        self.excused = ()
        self.browser = await Browser.start()
        await self.browser.size(1280, 860)
        await self.browser.dark(False)

    async def asyncTearDown(self):
        browser = self.browser
        await browser.close()
        home = ["http://127.0.0.1:%d/" % self.cluster.http_port, "about:blank"]
        home += ["ws://127.0.0.1:%d/" % edge.port for edge in self.cluster.edges]
        elsewhere = [url for url in browser.requests if not any(url.startswith(h) for h in home)]
        self.assertEqual(elsewhere, [])
        self.assertEqual([c for c in browser.complaints if not any(e in c for e in self.excused)], [])
        await super().asyncTearDown()

    async def sign_in(self, name="ops", path=""):
        await self.browser.open(self.console + path)
        await self.browser.until("document.activeElement?.id === 'key'")
        await self.browser.type(KEYS[name])
        await self.browser.press("Enter")
        await self.browser.until("!document.getElementById('key')")

    async def picture(self, name):
        if SHOTS:
            os.makedirs(SHOTS, exist_ok=True)
            await self.browser.screenshot(os.path.join(SHOTS, name + ".png"))


class Files(ClusterCase):
    router_options = ("--api-keys-file", KEYS_FILE)

    async def test_the_pages_let_nothing_in_and_are_asked_for_once(self):
        port = self.cluster.http_port
        status, headers, _ = http_get(port, "/")
        self.assertEqual((status, headers["Location"]), (302, "/console/"))
        for path in "/console/", "/console/demo.html", "/console/app.js", "/console/theme.css":
            status, headers, body = http_get(port, path)
            self.assertEqual(status, 200)
            policy = headers["Content-Security-Policy"]
            self.assertIn("default-src 'self'", policy)
            self.assertNotIn("unsafe", policy)
            self.assertEqual("ws:" in policy, path.endswith("demo.html"))
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
            self.assertEqual(headers["X-Frame-Options"], "DENY")
            self.assertEqual(headers["Cache-Control"], "no-cache")
            self.assertNotIn("http://", body.replace("http://www.w3.org/2000/svg", ""))
            self.assertEqual(http_get(port, path, "HEAD")[2], "")
        self.assertEqual(http_get(port, "/console/nothing.js")[0], 404)
        self.assertEqual(http_get(port, "/console/app.js", "POST")[0], 405)


class Off(ClusterCase):
    router_options = ("--console", "off")

    async def test_off_is_off(self):
        for path in "/", "/console/", "/console/demo.html":
            self.assertEqual(http_get(self.cluster.http_port, path)[0], 404)
        self.assertEqual(http_get(self.cluster.http_port, "/health")[0], 200)


class Signing(Pages, ClusterCase):
    async def test_a_wrong_key_is_told_and_a_good_one_stays_in_its_tab(self):
        self.excused = ("401",)
        page = self.browser
        await page.open(self.console)
        await page.until("document.activeElement?.id === 'key'")
        await page.type("wrong")
        await page.press("Enter")
        await page.says("does not know that key", "[role=alert]")
        self.assertEqual(await page.value("sessionStorage.length"), 0)
        await page.type(KEYS["ops"])  # over the selected one
        await page.press("Enter")
        await page.says("router-1 is ready")
        await page.says("ops: publish, read, admin")
        await page.open(self.console + "#/rooms")
        await page.says("router-1 is ready")
        self.assertEqual(await page.value("JSON.stringify(localStorage)"), "{}")
        await page.value("[...document.querySelectorAll('button')].find((b) => b.innerText === 'Sign out').click()")
        await page.until("document.activeElement?.id === 'key'")
        self.assertEqual(await page.value("sessionStorage.length"), 0)

    async def test_a_key_shows_only_what_it_may(self):
        client = await self.client("seen")
        await client.ok("join", room="shown")
        await self.sign_in("viewer", "#/edges")
        await self.browser.says("edge-1", "td")
        self.assertEqual(await self.browser.value("document.querySelectorAll('.danger').length"), 0)
        await self.browser.open(self.console + "#/users/" + client.user)
        await self.browser.says("shown", "td")
        self.assertEqual(await self.browser.value("document.querySelectorAll('.danger').length"), 0)

    async def test_a_key_that_may_not_read_is_told_so(self):
        await self.sign_in("sender")
        await self.browser.says("may not read")
        self.assertFalse([url for url in self.browser.requests if "/v1/" in url and not url.endswith("/v1/key")])


class Showing(Pages, ClusterCase):
    async def test_the_overview_shows_the_cluster_and_its_figures(self):
        page = self.browser
        clients = [await self.client("o%d" % i, edge=i % 2) for i in range(5)]
        for client in clients:
            await client.ok("join", room="busy")
        await self.sign_in()
        async def talk():
            while True:
                await clients[0].ok("room_message", room="busy", payload=1)
                await clients[1].error("room_message", room="not joined", payload=1)
                await asyncio.sleep(0.1)
        talking = asyncio.create_task(talk())
        try:
            await page.until("document.querySelectorAll('.picture a.box').length === 2")
            for chart in range(4):
                await page.until("!!document.querySelectorAll('.chart')[%d].querySelector('path')" % chart)
            await page.until("/deliveries [1-9]/.test(document.querySelectorAll('.chart svg')[1].getAttribute('aria-label'))")
            await page.until("/commands [1-9]/.test(document.querySelectorAll('.chart svg')[3].getAttribute('aria-label'))")
            await page.until("/round trip [0-9.]+ ms/.test(document.querySelectorAll('.chart svg')[2].getAttribute('aria-label'))")
            await page.says("5", ".tile:first-child strong")
        finally:
            talking.cancel()
        # Arrow keys show a moment of the past.
        await page.value("document.querySelector('.chart svg').focus()")
        await page.press("ArrowLeft")
        await page.until("document.querySelector('.chart .cursor') && /:/.test(document.querySelector('.chart header .muted').innerText)")

    async def test_search_finds_by_the_beginning_of_the_name(self):
        page = self.browser
        for name in "searched-1", "searched-2", "other":
            await (await self.client(name)).ok("join", room="room of " + name)
        for path, row in ("users", "user_searched-2"), ("rooms", "room of searched-2"):
            await (self.sign_in(path="#/" + path) if path == "users" else page.open(self.console + "#/" + path))
            await page.says(row, "tbody")
            await page.value("document.getElementById('search').focus()")
            await page.type(row)
            await page.until("document.querySelectorAll('tbody tr').length === 1")
            await page.says(row, "tbody")
            await page.type("x")
            await page.until("!document.querySelector('.empty').hidden")

    async def test_hostile_names_and_payloads_are_text(self):
        page = self.browser
        client = await self.client(quote(HOSTILE, safe=""))
        await client.ok("join", room=HOSTILE)
        await client.ok("room_message", room=HOSTILE, payload={"text": HOSTILE})
        await client.ok("room_message", room=HOSTILE, payload=HOSTILE)
        await self.sign_in()
        name, room = "user_" + HOSTILE, HOSTILE
        for path, text in (("users", name), ("rooms", room), ("users/" + quote(name, safe=""), room),
                           ("rooms/" + quote(room, safe=""), name)):
            await page.open(self.console + "#/" + path)
            await page.says(text, "tbody")
        await page.says(json.dumps({"text": HOSTILE}, separators=(",", ":")), "code")
        await page.open(self.console + "#/users")
        await page.until("[...document.querySelectorAll('td a')].some((a) => a.innerText === %s)" % json.dumps(name))
        await page.value("[...document.querySelectorAll('td a')].find((a) => a.innerText === %s).click()" % json.dumps(name))
        await page.says(name, "h1")
        await page.until("document.querySelector('.head .danger')?.disabled === false")
        await page.click(".head .danger")
        await page.says(name, "dialog h2")
        demo = self.console + "demo.html?edge=" + quote(self.cluster.edges[1].url, safe="") + "&edge=javascript:alert(1)"
        await page.open(demo)
        await page.value("document.querySelectorAll('.pane input')[1].value = 'x<b>y'; document.querySelectorAll('.pane input')[2].value = %s" % json.dumps(HOSTILE))
        self.assertEqual(await page.value("document.querySelectorAll('.pane')[1].querySelector('input').value"), self.cluster.edges[1].url)
        await page.click(".pane button[type=submit]")
        await page.says("user_x<b>y", ".people")
        await page.says(name, ".people")
        await client.ok("room_message", room=HOSTILE, payload={"text": HOSTILE})
        await page.says(HOSTILE, ".bubble")
        self.assertEqual(await page.value("document.querySelectorAll('main img, dialog img').length"), 0)

    async def test_nothing_is_too_wide_and_everything_is_named(self):
        page = self.browser
        client = await self.client("wide" + "-name" * 20)
        await client.ok("join", room="wide" + "room" * 30)
        await client.ok("room_message", room="wide" + "room" * 30, payload={"text": "long" * 200})
        await page.open(self.console)
        await self.picture("login")
        await self.sign_in()
        paths = {"overview": "", "edges": "edges", "users": "users", "rooms": "rooms", "user": "users/" + client.user,
                 "room": "rooms/wide" + "room" * 30}
        for dark in False, True:
            await page.dark(dark)
            for width, phone in (1280, False), (390, True):
                await page.size(width, 844, phone)
                for name, path in paths.items():
                    await page.open(self.console + "#/" + path)
                    await page.says("is ready")
                    await page.until("!!document.querySelector('.chart path, tbody tr')")
                    self.assertLessEqual(await page.value("document.documentElement.scrollWidth"), width, name)
                    self.assertEqual(await page.value("document.documentElement.dataset.theme"), "dark" if dark else "light")
                    await self.picture("%s%s%s" % (name, "-dark" if dark else "", "-phone" if phone else ""))
        nameless = ("[...document.querySelectorAll('button, a, input, select')].filter((n) => !(n.innerText || n.getAttribute('aria-label')"
                    " || n.textContent || n.labels?.length)).map((n) => n.outerHTML)")
        self.assertEqual(await page.value(nameless), [])
        # The switch beats the system, and is remembered.
        await page.click("[data-theme-switch]")
        await page.until("document.documentElement.dataset.theme === 'light'")
        await page.open(self.console + "#/edges")
        await page.says("Theme: light")
        await page.value("localStorage.clear()")


class Acting(Pages, FreshClusterCase):
    async def test_by_keyboard_alone_from_sign_in_to_disconnect(self):
        page = self.browser
        client = await self.client("kicked")
        await client.ok("join", room="left")
        await self.sign_in()
        await page.tab_to("Users")
        await page.press("Enter")
        await page.says("user_kicked", "tbody")
        self.assertEqual(await page.value("document.activeElement.tagName"), "H1")
        await page.tab_to("user_kicked")
        await page.press("Enter")
        await page.says("edge-1", "tbody")
        await page.until("!document.querySelector('.head .danger').disabled")
        await page.tab_to("Take user_kicked out of left")
        await page.press("Enter")
        await page.until("document.activeElement.innerText === 'Cancel'")
        await page.press("Escape")
        await page.until("!document.querySelector('dialog')")
        self.assertEqual(await page.value("document.activeElement.getAttribute('aria-label')"), "Take user_kicked out of left")
        await page.press("Enter")
        await page.tab_to("Take out", 5)
        await page.press("Enter")
        self.assertEqual((await client.expect("kicked"))["roomId"], "left")
        await page.says("In no room.")
        await page.value("document.querySelector('h1').focus()")
        await page.tab_to("Disconnect")
        await page.press("Enter")
        await page.tab_to("Reason", 8)
        await page.type("by the test")
        await page.press("Enter")
        await page.says("closed", ".toast")
        self.assertEqual(await client.closed(), (4003, "by the test"))
        await page.says("offline", ".pill")
        self.assertTrue(self.cluster.router.find(r"api\.action .*key=ops .*method=DELETE"))

    async def test_draining_an_edge_asks_first(self):
        page = self.browser
        client = await self.client(edge=1)
        await self.sign_in(path="#/edges")
        await page.until("document.querySelectorAll('td .danger').length === 2")
        await page.tab_to("Drain edge-2")
        await page.press("Enter")
        await page.says("1 other edge is up", "dialog")
        await page.press("Enter")  # Cancel has the focus
        await page.until("!document.querySelector('dialog')")
        await client.ok("ping")
        self.cluster.edges[1].program.may_die = True
        await page.press("Enter")
        await page.tab_to("Drain", 3)
        await page.press("Enter")
        await client.expect("server_shutdown")
        edge = self.cluster.edges[1]
        self.assertEqual(await asyncio.to_thread(edge.program.wait), 0)
        self.cluster.edges.remove(edge)
        await page.until("document.querySelectorAll('tbody tr').length === 1")

    async def test_a_router_that_goes_and_comes_back_is_told(self):
        self.excused = ("ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "ERR_SOCKET")
        await self.sign_in()
        await self.browser.says("router-1 is ready")
        self.cluster.router.kill()
        await self.browser.says("No answer from the router", "[role=alert]")
        self.cluster.start_router()
        await self.cluster.ready()
        await self.browser.says("started again", ".toast")
        await self.browser.until("document.querySelector('[role=alert]').hidden")


class Demo(Pages, FreshClusterCase):
    router_options = Pages.router_options + ("--data-dir", os.path.join(DIR, "data"))

    async def send(self, pane, text):
        await self.browser.value("document.querySelectorAll('.compose input')[%d].focus()" % pane)
        await self.browser.type(text)
        await self.browser.press("Enter")

    async def heard(self, pane, text):
        await self.browser.says(text, ".pane:nth-child(%d)" % (pane + 1))

    async def test_presence_recovery_and_a_router_restart_live(self):
        self.excused = ("ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "ERR_SOCKET")
        page = self.browser
        await page.open(self.console + "demo.html?" + "&".join("edge=" + quote(e.url) for e in self.cluster.edges))
        await page.says("router is ready")
        await self.picture("demo-setup")
        for pane in 0, 1:
            await page.value("document.querySelectorAll('.setup button')[%d].click()" % pane)
            await self.heard(pane, "edge-%d" % (pane + 1))
        await self.heard(0, "user_bob came")
        await self.send(0, "hello bob")
        await self.heard(1, "hello bob")
        # One goes, misses two, and gets just these.
        await page.value("document.querySelectorAll('.pane header button')[1].click()")
        await self.heard(0, "user_bob left")
        for text in "missed one", "missed two":
            await self.send(0, text)
        await page.until("document.querySelectorAll('.pane:nth-child(1) .own').length === 3 && "
                         "!document.querySelector('.pane:nth-child(1)').innerText.includes('sending')")
        await page.value("document.querySelectorAll('.pane header button')[1].click()")
        await self.heard(1, "recovered 2 missed messages")
        await self.heard(1, "missed two")
        # A message that is written while there is no router arrives when there is one again.
        self.cluster.router.kill()
        await page.says("router is away")
        await self.send(0, "written in between")
        await self.heard(0, "sending")
        self.cluster.start_router()
        await self.cluster.ready()
        await self.heard(1, "written in between")
        await self.heard(1, "This connection never broke")
        await page.until("!document.querySelector('.pane:nth-child(1)').innerText.includes('sending')")
        texts = await page.value("[...document.querySelectorAll('.pane:nth-child(2) .bubble')].map((b) => b.dataset.text)")
        self.assertEqual(texts, ["hello bob", "missed one", "missed two", "written in between"])
        sockets = [url for url in page.requests if url.startswith("ws:")]
        self.assertEqual(len(sockets), 3, "each pane once, and the one that came back")
        for dark in False, True:
            await page.dark(dark)
            for width, phone in (1280, False), (390, True):
                await page.size(width, 844, phone)
                self.assertLessEqual(await page.value("document.documentElement.scrollWidth"), width)
                await self.picture("demo%s%s" % ("-dark" if dark else "", "-phone" if phone else ""))

    async def test_a_refused_token_and_a_bad_address_are_told(self):
        page = self.browser
        await page.open(self.console + "demo.html")
        await page.value("document.querySelector('.pane input').value = 'http://127.0.0.1/'")
        await page.click(".pane button[type=submit]")
        await page.says("begins with ws://", "[role=alert]")


if __name__ == "__main__":
    unittest.main()
