"""A real browser: headless Chromium joins, talks across edges and reads close codes."""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from clients import FreshClusterCase

PAGE = """<!doctype html><title>e2e</title><script>
const said = [];
const tell = (result) => fetch('/result', {method: 'POST', body: JSON.stringify(result)});
const socket = new WebSocket('%(url)s', ['splitrail.v1.json', 'bearer.browser']);
socket.onmessage = (event) => {
  const message = JSON.parse(event.data);
  said.push(message);
  if (message.type === 'welcome') {
    socket.send(JSON.stringify({type: 'join', room: 'web', id: 1}));
  } else if (message.type === 'ok' && message.id === 1) {
    socket.send(JSON.stringify({type: 'room_message', room: 'web', payload: 'from \\u00e9 browser', echo: false}));
  } else if (message.type === 'room_message') {
    socket.onclose = () => {
      const second = new WebSocket('%(url)s', ['splitrail.v1.json']);
      second.onclose = (event) => tell({protocol: socket.protocol, said, refused: event.code});
    };
    socket.close(1000, 'done');
  }
};
socket.onerror = () => tell({error: 'socket failed'});
</script>"""

CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
            "--disable-dev-shm-usage", "--disable-background-networking",
            "--disable-component-update", "--disable-default-apps", "--disable-extensions",
            "--no-default-browser-check", "--remote-debugging-port=0"]


class Browser(FreshClusterCase):
    async def serve(self, reader, writer):
        """A page and the place for its result: just enough HTTP for one browser."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            writer.close()
            return
        length = 0
        for line in head.decode().split("\r\n"):
            if line.lower().startswith("content-length:"):
                length = int(line.split(":")[1])
        body = await reader.readexactly(length)
        if head.startswith(b"POST /result") and not self.result.done():
            self.result.set_result(json.loads(body))
        page = (PAGE % {"url": self.cluster.edges[0].url}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
                     b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(page) + page)
        await writer.drain()
        writer.close()

    async def test_chromium_talks_with_a_client_on_the_other_edge(self):
        self.result = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        peer = await self.client("peer", edge=1)
        await peer.ok("join", room="web")
        binary = shutil.which("chromium") or shutil.which("chromium-browser")
        self.assertTrue(binary, "chromium is needed: ./dev setup")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            log = open(os.path.join(profile, "chromium.log"), "w+b")
            browser = subprocess.Popen(
                [binary, *CHROMIUM, "--user-data-dir=" + profile, "http://127.0.0.1:%d/" % port],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
            try:
                message = await peer.expect("room_message", roomId="web", timeout=180)
                self.assertEqual(message["payload"], "from \u00e9 browser")
                self.assertEqual(message["userId"], "user_browser")
                await peer.ok("room_message", room="web", payload={"answer": 42}, echo=False)
                result = await asyncio.wait_for(self.result, 180)
            finally:
                browser.terminate()
                browser.wait(60)
                log.close()
        server.close()
        self.assertEqual(result["protocol"], "splitrail.v1.json")
        self.assertEqual(result["refused"], 4001)
        self.assertEqual([m["type"] for m in result["said"][:2]], ["welcome", "routing_token"])
        heard = [m for m in result["said"] if m["type"] == "room_message"]
        self.assertEqual([m["payload"] for m in heard], [{"answer": 42}])
        left = await peer.expect("user_left", userId="user_browser")
        self.assertEqual(left["roomId"], "web")


if __name__ == "__main__":
    unittest.main()
