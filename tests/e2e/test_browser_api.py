"""The WebSocket API of browsers: Chromium and Firefox find splitrail-edge --echo to behave as an
echo of npm ws does. The tests themselves are in programs/websocket_api.js."""

import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
import unittest

from bare import EchoEdge
from test_browser import CHROMIUM

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
LIMIT = 2 << 20
PATIENCE_S = 150

# Firefox without first run, updates, telemetry, or any other talk with the outside.
PREFERENCES = """
user_pref("app.normandy.enabled", false);
user_pref("app.update.auto", false);
user_pref("app.update.enabled", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.newtabpage.enabled", false);
user_pref("browser.region.network.url", "");
user_pref("browser.safebrowsing.downloads.enabled", false);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("browser.search.update", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("datareporting.healthreport.uploadEnabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("dom.push.connection.enabled", false);
user_pref("extensions.getAddons.cache.enabled", false);
user_pref("extensions.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("network.dns.disablePrefetch", true);
user_pref("network.prefetch-next", false);
user_pref("services.settings.server", "http://127.0.0.1:1/");
user_pref("toolkit.telemetry.enabled", false);
user_pref("toolkit.telemetry.unified", false);
"""


class Pages(http.server.ThreadingHTTPServer):
    """Gives out the page, keeps its result and the head of its handshake."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Page)
        self.result, self.seen = None, {}
        self.done = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/seen":
            self.server.seen = {name.lower(): value for name, value in self.headers.items()}
        if path == "/websocket_api.js":
            self.give("websocket_api.js", "text/javascript")
        elif path == "/test":
            self.give("websocket_api.html", "text/html; charset=utf-8")
        else:
            self.send_error(404)

    def give(self, name, kind):
        with open(os.path.join(HERE, name), "rb") as file:
            data = file.read()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        self.server.result = json.loads(body)
        self.server.done.set()

    def log_message(self, *_):
        pass


class Api(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.edge = EchoEdge("--compression", "on", "--max-message", "%dB" % LIMIT)
        cls.ws = subprocess.Popen(["node", os.path.join(HERE, "echo_ws.mjs"), str(LIMIT)],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        cls.ws_port = int(cls.ws.stdout.readline())

    @classmethod
    def tearDownClass(cls):
        cls.ws.terminate()
        cls.ws.wait(20)
        cls.ws.stdout.close()
        trouble = cls.edge.finish()
        assert trouble is None, trouble

    def run_in(self, command, profile):
        """What the page found in the browser, and the head of its handshake."""
        pages = Pages()
        self.addCleanup(pages.server_close)
        self.addCleanup(pages.shutdown)
        self.page_origin = "http://127.0.0.1:%d" % pages.server_port
        url = "%s/test?limit=%d&ws=ws://127.0.0.1:%d/ws&edge=ws://127.0.0.1:%d/ws" % (
            self.page_origin, LIMIT, self.ws_port, self.edge.port)
        with open(os.path.join(profile, "browser.log"), "w+b") as log:
            browser = subprocess.Popen([*command, url], stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=subprocess.STDOUT, env=dict(os.environ, HOME=profile))
            try:
                done = pages.done.wait(PATIENCE_S)
            finally:
                browser.terminate()
                browser.wait(30)
            log.seek(0)
            self.assertTrue(done, "no result:\n" + log.read().decode(errors="replace")[-3000:])
        return pages.result, pages.seen

    def check(self, command, profile):
        result, seen = self.run_in(command, profile)
        self.assertNotIn("error", result)
        ws, edge = (result["servers"][name]["outcomes"] for name in ("ws", "edge"))
        self.assertGreater(len(edge), 25)
        for title, outcome in edge.items():
            with self.subTest(title):
                self.assertEqual(outcome, ws[title])
                self.assertTrue(outcome["passed"], outcome["value"])
        # RFC 6455 section 4.1, as a browser's page means it.
        self.assertEqual(seen["origin"], self.page_origin)
        self.assertEqual(seen["cookie"], "taste=sweet")
        self.assertEqual(seen["sec-websocket-protocol"], "chat")
        self.assertEqual(seen["sec-websocket-version"], "13")
        self.assertIn("permessage-deflate", seen["sec-websocket-extensions"])

    def test_chromium_sees_no_difference(self):
        binary = shutil.which("chromium") or shutil.which("chromium-browser")
        self.assertTrue(binary, "chromium is needed: ./dev setup")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            self.check([binary, *CHROMIUM, "--user-data-dir=" + profile], profile)

    def test_firefox_sees_no_difference(self):
        binary = shutil.which("firefox-esr") or shutil.which("firefox")
        if not binary:
            self.skipTest("not installed: firefox-esr (./dev test stacks installs it)")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            with open(os.path.join(profile, "user.js"), "w", encoding="ascii") as file:
                file.write(PREFERENCES)
            self.check([binary, "--headless", "--no-remote", "--profile", profile], profile)


if __name__ == "__main__":
    unittest.main()
