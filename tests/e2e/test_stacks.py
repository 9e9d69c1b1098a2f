"""Many WebSocket clients of other people talk through the real cluster: plain and TLS, with and
without compression. Their programs are in programs/stacks. A stack that is not installed is skipped;
those that take long to build run with SPLITRAIL_STACKS=all, as ./dev test stacks sets it."""

import asyncio
import concurrent.futures
import json
import os
import shutil
import subprocess
import tempfile
import typing
import unittest

from clients import TlsClusterCase
from cluster import PATIENCE_S

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(HERE, "programs", "stacks")
ALL = os.environ.get("SPLITRAIL_STACKS") == "all"
BUILD_PATIENCE_S = 300

TEXT = "grüße, Ελλάδα, привет, שלום, नमस्ते, 你好, こんにちは, 한국어, é, \U0001f600\U0001f469‍\U0001f680. "
TIMES = 60000 // len(TEXT.encode())
COUNT = 'splitrail_edge_compressed_messages_total{direction="%s"}'


class Stack(typing.NamedTuple):
    name: str
    package: str  # how to get it: a package of Debian, or words
    probe: str  # shell: succeeds and prints the version when the stack is there
    command: str  # shell words, run in PROGRAMS; $OUT is the directory for what is built
    build: str = ""  # shell, run in PROGRAMS
    deflate: str = "in out"  # what it compresses, as the edge sees it
    keeps: bool = False  # compresses only where it may keep its context (its program: KEEPS_CONTEXT)
    code: int = 1000  # 0: it does not tell the close code of the peer
    host: str = "127.0.0.1"  # as it stands in the certificate too


def python(name, package, module, **more):
    probe = "/usr/bin/python3 -c 'import %s as m; print(getattr(m, \"__version__\", 0) or m.version)'"
    return Stack("python_" + name, package, probe % module, "/usr/bin/python3 -B python_%s.py" % name, **more)


def node(name, module=None, oldest=0, **more):
    """`oldest` is the first major version whose frames are right."""
    probe = ("node -p 'v = require(\"%s/package.json\").version;"
             " parseInt(v) < %d ? process.exit(1) : v'" % (module or name, oldest))
    return Stack("node_" + name, "npm ci in tests/e2e/programs/stacks", probe,
                 "node node_%s.js" % name, **more)


def c(name, package, libraries, **more):
    flags = "$(pkg-config --cflags --libs %s)" % libraries
    build = "gcc -O1 -Wall -I ../../../.. -o $OUT/c_%s c_%s.c %s" % (name, name, flags)
    probe = "pkg-config --modversion %s | head -n 1" % libraries
    return Stack("c_" + name, package, probe, "$OUT/c_" + name, build, **more)


def cpp(name, package, flags, probe="", **more):
    build = "g++ -std=c++17 -fPIC -I ../../../.. -o $OUT/cpp_%s cpp_%s.cpp %s" % (name, name, flags)
    probe = probe or "dpkg-query -W -f '${Version}' " + package
    return Stack("cpp_" + name, package, probe, "$OUT/cpp_" + name, build, **more)


def go(name, package, **more):
    build = ("GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$OUT/go_%s_cache "
             "go build -o $OUT/go_%s go_%s.go" % (name, name, name))
    probe = "go version >/dev/null && dpkg-query -W -f '${Version}' " + package
    return Stack("go_" + name, "golang-go " + package, probe, "$OUT/go_" + name, build, **more)


STANDARD = "node $(node -e 'typeof WebSocket == \"undefined\" && console.log(\"--experimental-websocket\")')"
STACKS = [
    python("websockets", "python3-websockets", "websockets.version"),
    python("aiohttp", "python3-aiohttp", "aiohttp"),
    python("tornado", "python3-tornado", "tornado", deflate="", keeps=True),
    python("autobahn", "python3-autobahn", "autobahn"),
    python("websocket_client", "python3-websocket", "websocket", deflate=""),
    node("ws"),
    node("faye", "faye-websocket", deflate=""),
    node("websocket", deflate=""),
    node("undici", oldest=6, deflate="out"),  # Debian's 5.15 writes lengths into a foreign frame
    Stack("node_standard", "node 20.10 or newer",
          STANDARD + " -p 'WebSocket && process.version'", STANDARD + " node_standard.js", deflate="out"),
    Stack("perl_mojolicious", "libmojolicious-perl",
          "perl -MMojolicious -MIO::Socket::SSL -e 'print Mojolicious->VERSION'",
          "perl perl_mojolicious.pl", deflate="", keeps=True),
    Stack("ruby_faye", "ruby-faye-websocket",
          "ruby -e 'require \"faye/websocket\"' && dpkg-query -W -f '${Version}' ruby-faye-websocket",
          "ruby ruby_faye.rb", deflate=""),
    Stack("java_http", "default-jdk-headless", "javac -version",
          "java -Xshare:auto -XX:TieredStopAtLevel=1 -cp $OUT JavaHttp",
          "javac -encoding UTF-8 -d $OUT JavaHttp.java", deflate=""),
    go("gorilla", "golang-github-gorilla-websocket-dev"),
    go("nhooyr", "golang-nhooyr-websocket-dev"),
    c("libwebsockets", "libwebsockets-dev", "libwebsockets openssl", deflate="", code=0),
    c("libsoup", "libsoup-3.0-dev", "libsoup-3.0"),
    cpp("beast", "libboost-dev", "-lssl -lcrypto -pthread"),
    cpp("websocketpp", "libwebsocketpp-dev", "-lssl -lcrypto -lz -pthread"),
    cpp("qt", "libqt5websockets5-dev", "$(pkg-config --cflags --libs Qt5WebSockets)", deflate=""),
    Stack("csharp_client", "mono-mcs", "which mcs >/dev/null && dpkg-query -W -f '${Version}' mono-runtime",
          "mono $OUT/csharp_client.exe",
          "mcs -r:Mono.Security.dll -out:$OUT/csharp_client.exe csharp_client.cs", deflate="",
          host="localhost"),  # Mono compares no addresses with certificates
]


def shell(text, out, **env):
    """What a program of a stack is run in."""
    return dict(args=["bash", "-c", text], cwd=PROGRAMS, stdin=subprocess.DEVNULL,
                env=dict(os.environ, OUT=out, LC_ALL="C.UTF-8", **env))


class Workshop:
    """Finds the stacks that are there and builds their programs, two at a time."""

    def __init__(self):
        self.out = tempfile.mkdtemp(prefix="splitrail-stacks-")
        self.pool = concurrent.futures.ThreadPoolExecutor(2)
        self.made = {stack.name: self.pool.submit(self.make, stack) for stack in STACKS}

    def make(self, stack):
        """Why it is skipped, or None; raises when it does not build."""
        if stack.build and not ALL:
            return "built and run only by ./dev test stacks"
        found = subprocess.run(**shell("set -o pipefail; " + stack.probe, self.out), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=PATIENCE_S)
        if found.returncode != 0:
            return "not installed: " + stack.package
        if ALL:
            print("%s: %s" % (stack.name, " ".join(found.stdout.split())), flush=True)
        if stack.build:
            built = subprocess.run(**shell(stack.build, self.out), text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, timeout=BUILD_PATIENCE_S)
            if built.returncode != 0:
                raise AssertionError("%s does not build:\n%s" % (stack.name, built.stdout[-3000:]))
        return None

    def close(self):
        self.pool.shutdown()
        shutil.rmtree(self.out)


def setUpModule():
    global workshop
    workshop = Workshop()


def tearDownModule():
    workshop.close()


class StackCase(TlsClusterCase):
    environment = {}

    async def run_program(self, stack, url, room):
        """What it printed as JSON."""
        ca = self.certificate.cert
        words = [url + "?token=" + stack.name, room, TEXT, str(TIMES)] + [ca] * url.startswith("wss:")
        how = shell(stack.command + ' "$@"', workshop.out, NODE_EXTRA_CA_CERTS=ca, **self.environment)
        program = await asyncio.create_subprocess_exec(
            *how.pop("args"), "bash", *words, **how,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True)
        try:
            out, err = await asyncio.wait_for(program.communicate(), PATIENCE_S)
        except asyncio.TimeoutError:
            os.killpg(program.pid, 9)
            raise AssertionError("%s did not end" % stack.name) from None
        lines = out.decode().splitlines()
        self.assertTrue(lines and program.returncode == 0,
                        "%s ended with %s:\n%s" % (stack.name, program.returncode, (out + err).decode()))
        return json.loads(lines[-1])

    async def talk(self, stack, scheme):
        """It hears itself to the byte, so does a listener at another edge, and it ends cleanly."""
        edge = self.cluster.edges[0]
        room = self.new()
        listener = await self.client(edge=1)
        await listener.ok("join", room=room)
        url = (edge.tls_url if scheme == "wss" else edge.url).replace("127.0.0.1", stack.host)
        result = await self.run_program(stack, url, room)
        self.assertEqual(result, {"small": True, "large": True, "code": stack.code})
        for payload in TEXT, TEXT * TIMES:
            message = await listener.expect("room_message", roomId=room, userId="user_" + stack.name)
            self.assertEqual(message["payload"], payload)
        await listener.expect("user_left", roomId=room)

    async def check(self, stack):
        missing = await asyncio.wrap_future(workshop.made[stack.name])
        if missing:
            self.skipTest(missing)
        for scheme in ("ws", "wss"):
            with self.subTest(scheme):
                await self.check_scheme(stack, scheme)


class Plain(StackCase):
    """The edge declines compression, which most of these programs offer."""

    async def check_scheme(self, stack, scheme):
        await self.talk(stack, scheme)


class CompressionCase(StackCase):
    def count(self):
        metrics = self.cluster.edges[0].metrics()
        return {direction: metrics.get(COUNT % direction, 0) for direction in ("in", "out")}

    async def check_scheme(self, stack, scheme):
        before = self.count()
        await self.talk(stack, scheme)
        after = self.count()
        self.assertEqual(" ".join(d for d in after if after[d] > before[d]), self.expected(stack))

    def expected(self, stack):
        return stack.deflate


class Compressing(CompressionCase):
    edge_options = ("--compression", "on")


class ContextCase(CompressionCase):
    environment = {"KEEPS_CONTEXT": "1"}

    def expected(self, stack):
        return "in out" if stack.keeps else stack.deflate


class ClientContext(ContextCase):
    """The edge lets clients refer to their earlier messages."""
    edge_options = ("--compression", "on", "--compression-context", "client")


class BothContexts(ContextCase):
    """And it refers to its own."""
    edge_options = ("--compression", "on", "--compression-context", "both")


def sentence(stack):
    async def test(self):
        await self.check(stack)
    return test


for each in STACKS:
    setattr(Plain, "test_%s_talks" % each.name, sentence(each))
    kind = "talks_compressed" if each.deflate else "talks_where_others_compress"
    setattr(Compressing, "test_%s_%s" % (each.name, kind), sentence(each))
    if each.deflate or each.keeps:
        setattr(ClientContext, "test_%s_talks_with_its_context" % each.name, sentence(each))
        setattr(BothContexts, "test_%s_talks_with_both_contexts" % each.name, sentence(each))


if __name__ == "__main__":
    unittest.main()
