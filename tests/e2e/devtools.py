"""Headless Chromium, driven over its DevTools protocol."""

import asyncio
import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request

import websockets

from cluster import PATIENCE_S
from test_browser import CHROMIUM

KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39, " ": 32}


class Browser:
    """One tab. `requests` are the addresses of all that it has asked for, `complaints` what it has said
    to its console: errors, warnings, violations of the content policy."""

    @classmethod
    async def start(cls):
        self = cls()
        binary = shutil.which("chromium") or shutil.which("chromium-browser")
        assert binary, "chromium is needed: ./dev setup"
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.log = open(os.path.join(self.profile.name, "chromium.log"), "w+b")
        self.process = subprocess.Popen(
            [binary, *CHROMIUM, "--user-data-dir=" + self.profile.name, "about:blank"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        try:
            await self._attach()
        except BaseException:
            await self.close()
            raise
        return self

    async def _attach(self):
        port_file = os.path.join(self.profile.name, "DevToolsActivePort")
        end = time.monotonic() + 90
        while not (os.path.exists(port_file) and os.path.getsize(port_file)):
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError("chromium did not start")
            await asyncio.sleep(0.05)
        with open(port_file, encoding="ascii") as file:
            port = int(file.readline())
        def pages():
            with urllib.request.urlopen("http://127.0.0.1:%d/json/list" % port, timeout=PATIENCE_S) as reply:
                return [page for page in json.load(reply) if page["type"] == "page"]
        url = (await asyncio.to_thread(pages))[0]["webSocketDebuggerUrl"]
        self.socket = await websockets.connect(url, max_size=1 << 26, compression=None, ping_interval=None)
        self.numbers = itertools.count(1)
        self.answers, self.requests, self.complaints = {}, [], []
        self.reader = asyncio.create_task(self._read())
        for domain in "Page", "Runtime", "Network", "Log":
            await self.command(domain + ".enable")

    async def _read(self):
        try:
            async for raw in self.socket:
                message = json.loads(raw)
                if "id" in message:
                    self.answers.pop(message["id"]).set_result(message)
                else:
                    self._event(message["method"], message["params"])
        except websockets.ConnectionClosed:
            pass

    def _event(self, method, params):
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Network.webSocketCreated":
            self.requests.append(params["url"])
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append("exception: " + details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append("console: %s" % [a.get("value") for a in params["args"]])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            entry = params["entry"]
            self.complaints.append("%s: %s %s" % (entry["source"], entry["text"], entry.get("url", "")))

    async def command(self, method, **params):
        number = next(self.numbers)
        self.answers[number] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        answer = await asyncio.wait_for(self.answers[number], 4 * PATIENCE_S)
        if "error" in answer:
            raise AssertionError("%s: %s" % (method, answer["error"]))
        return answer["result"]

    async def value(self, expression):
        """What the expression is in the page."""
        answer = await self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError("%s: %s" % (expression, answer["exceptionDetails"]))
        return answer["result"].get("value")

    async def until(self, expression, what=None, timeout=4 * PATIENCE_S):
        end = time.monotonic() + timeout
        while not (got := await self.value(expression)):
            if time.monotonic() > end:
                raise AssertionError("waited in vain: %s; the page says: %s; complaints: %s" % (
                    what or expression, await self.value("document.body.innerText"), self.complaints))
            await asyncio.sleep(0.03)
        return got

    async def says(self, text, where="body"):
        """Awaits that the text can be read there."""
        return await self.until("[...document.querySelectorAll(%s)].some((n) => n.innerText.includes(%s))" % (
            json.dumps(where), json.dumps(text)), "%r in %s" % (text, where))

    async def open(self, url):
        await self.command("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def size(self, width, height, phone=False):
        await self.command("Emulation.setDeviceMetricsOverride", width=width, height=height,
                           deviceScaleFactor=2 if phone else 1, mobile=phone)

    async def dark(self, yes):
        await self.command("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if yes else "light"}])

    async def press(self, key, shift=False):
        text = {"Enter": "\r", " ": " "}.get(key, "")
        common = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": KEYS[key],
                  "modifiers": 8 if shift else 0}
        await self.command("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        await self.command("Input.dispatchKeyEvent", type="keyUp", **common)

    async def type(self, text):
        await self.command("Input.insertText", text=text)

    async def tab_to(self, label, at_most=80):
        """Presses Tab until what has the focus says the label."""
        seen = []
        for _ in range(at_most):
            await self.press("Tab")
            seen.append(await self.value(
                "(() => { const n = document.activeElement; return n === document.body ? '' : n.getAttribute('aria-label') ?? "
                "n.labels?.[0]?.innerText ?? n.innerText ?? ''; })()"))
            if label in seen[-1]:
                return
        raise AssertionError("Tab does not come to %r, only to %r" % (label, seen))

    async def click(self, selector):
        await self.until("!!document.querySelector(%s)" % json.dumps(selector), selector)
        await self.value("document.querySelector(%s).click()" % json.dumps(selector))

    async def screenshot(self, path, full=True):
        """Of the whole page."""
        height = await self.value("document.documentElement.scrollHeight") if full else 0
        clip = {}
        if full:
            width = await self.value("innerWidth")
            clip = {"clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1},
                    "captureBeyondViewport": True}
        shot = await self.command("Page.captureScreenshot", format="png", **clip)
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    async def close(self):
        if hasattr(self, "socket"):
            await self.socket.close()
            await self.reader
        self.process.terminate()
        await asyncio.to_thread(self.process.wait, 30)
        self.log.close()
        self.profile.cleanup()
