"""Real programs on free ports of the loopback interface, started and ended by pid.

A Cluster starts a router and edges from the build named by SPLITRAIL_BIN. close() ends everything
and fails when a program died unasked, ended with another code than 0, or a sanitizer reported.
"""

import asyncio
import http.client
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

BIN = os.environ.get("SPLITRAIL_BIN") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "asan", "bin")

# What the sanitizers are told, here and in whatever is started from here, unless somebody has said.
os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=1:strict_string_checks=1")
os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
os.environ.setdefault("TSAN_OPTIONS", "halt_on_error=1:suppressions=" + os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "support", "tsan.supp"))

THREAD_SANITIZER_SLOWNESS = 4


def slowness():
    """How many times longer than the promise it may take in this build on this machine. The thread
    sanitizer needs several times the processor; SPLITRAIL_SLOWNESS says so of a busy machine."""
    given = os.environ.get("SPLITRAIL_SLOWNESS")
    if given:
        return float(given)
    try:
        with open(os.path.join(BIN, "splitrail-edge"), "rb") as program:
            return THREAD_SANITIZER_SLOWNESS if b"__tsan_init" in program.read() else 1
    except FileNotFoundError:
        return 1


SLOWNESS = slowness()


def bearable(seconds):
    """A time that a test judges by: so many seconds where the programs run at their own speed."""
    return seconds * SLOWNESS


# A bound for failures only: nothing waits for it when things go well.
PATIENCE_S = bearable(60)
ASK_AGAIN_S = bearable(5)  # who asks for something again and again

SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer|Assertion .* failed")


_given_ports = set()


def free_port():
    """A port that nobody listens on, below those that the kernel gives to outgoing connections: one of
    these could take it before our program does."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        ephemeral = int(f.read().split()[0])
    while True:
        port = random.randrange(10000, max(ephemeral, 20000))
        if port in _given_ports:
            continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given_ports.add(port)
        return port


def http_get(port, path, method="GET", timeout=PATIENCE_S):
    """(status, headers, body text) of one request."""
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        conn.request(method, path)
        reply = conn.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read().decode()
    finally:
        conn.close()


async def eventually(check, what, timeout=PATIENCE_S):
    """Awaits that check() is true (or returns something true) and gives that back."""
    end = time.monotonic() + timeout
    while True:
        got = await asyncio.to_thread(check)
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError("waited %.0f s in vain: %s" % (timeout, what))
        await asyncio.sleep(0.02)


class Program:
    """One running program, its output and its end. A program writes a line at once, so what it logged
    before something that a test has seen is in `lines`, however late our thread is that reads along."""

    def __init__(self, name, args, env=None):
        self.name = name
        self.args = args
        self.may_die = False
        environ = dict(os.environ, **(env or {}))
        self.process = subprocess.Popen(
            [os.path.join(BIN, args[0])] + args[1:], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environ, bufsize=0)
        self.reading = threading.Lock()
        self.text = bytearray()
        self.at_end = False
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _readable(self, wait_ms):
        poll = select.poll()  # select() knows no descriptors above 1023
        poll.register(self.process.stdout, select.POLLIN)
        return bool(poll.poll(wait_ms))

    def _take(self):
        """Moves what the pipe holds now into `text`; false when that is nothing."""
        with self.reading:
            if self.at_end or not self._readable(0):
                return False
            more = os.read(self.process.stdout.fileno(), 1 << 16)
            self.text += more
            self.at_end = not more
            return bool(more)

    def _read(self):
        while not self.at_end:
            self._readable(1000)  # without the lock: others read when they like
            self._take()
        self.process.stdout.close()

    @property
    def output(self):
        """All that it has written up to now."""
        while self._take():
            pass
        return self.text.decode(errors="replace").removesuffix("\n")

    @property
    def lines(self):
        return self.output.split("\n") if self.text else []

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def find(self, pattern):
        return next((line for line in self.lines if re.search(pattern, line)), None)

    def send_signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """SIGKILL, as a crash would."""
        self.may_die = True
        self.process.kill()
        self.process.wait(2 * PATIENCE_S)
        self.reader.join(PATIENCE_S)

    def wait(self, timeout=PATIENCE_S):
        """The exit code."""
        code = self.process.wait(timeout)
        self.reader.join(timeout)
        return code

    def trouble(self):
        """What is wrong with it, or None."""
        if SANITIZER.search(self.output):
            return "%s: a sanitizer or assertion reported:\n%s" % (self.name, self.output[-6000:])
        if not self.running() and not self.may_die:
            return "%s died with %s:\n%s" % (self.name, self.process.returncode, self.output[-3000:])
        return None

    def finish(self):
        """SIGTERM and what is wrong with its end, or None."""
        trouble = self.trouble()
        if self.running():
            self.send_signal(signal.SIGTERM)
            self.may_die = True
            try:
                code = self.wait()
            except subprocess.TimeoutExpired:
                self.kill()
                return trouble or "%s did not end within %d s of SIGTERM" % (self.name, PATIENCE_S)
            if code != 0 and not trouble:
                trouble = "%s ended with %s:\n%s" % (self.name, code, self.output[-6000:])
        return trouble or self.trouble()


class Edge:
    def __init__(self, cluster, number, options):
        self.cluster = cluster
        self.id = "edge-%d" % number
        self.port = free_port()
        self.http_port = free_port()
        self.tls_port = free_port() if cluster.tls else None
        self.options = options
        self.program = None
        self.start()

    def start(self):
        tls = ["--listen-tls", "127.0.0.1:%d" % self.tls_port, "--tls-cert-file", self.cluster.tls.cert,
               "--tls-key-file", self.cluster.tls.key] if self.tls_port else []
        self.program = self.cluster.run(
            self.id, "splitrail-edge", "--id", self.id, "--listen", "127.0.0.1:%d" % self.port,
            "--http-listen", "127.0.0.1:%d" % self.http_port, "--router", self.cluster.plane_of(self.id),
            *tls, *self.options)

    @property
    def url(self):
        return "ws://127.0.0.1:%d/ws" % self.port

    @property
    def tls_url(self):
        return "wss://127.0.0.1:%d/ws" % self.tls_port

    def ready(self):
        try:
            return http_get(self.http_port, "/ready", timeout=ASK_AGAIN_S)[0] == 200
        except OSError:
            return False

    def metrics(self):
        return parse_metrics(http_get(self.http_port, "/metrics")[2])


class Certificate:
    """A self-signed certificate in a directory of its own."""

    def __init__(self, names="DNS:localhost,IP:127.0.0.1", key=("ec", "-pkeyopt",
                                                               "ec_paramgen_curve:prime256v1")):
        self.names = names
        self.kind = key
        self.dir = tempfile.mkdtemp(prefix="splitrail-tls-")
        self.cert = os.path.join(self.dir, "cert.pem")
        self.key = os.path.join(self.dir, "key.pem")
        self.renew()

    def renew(self):
        """A new pair in the same files."""
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", *self.kind, "-nodes", "-days", "2", "-subj",
             "/CN=test", "-addext", "subjectAltName=" + self.names, "-keyout", self.key, "-out",
             self.cert],
            check=True, capture_output=True)

    def both(self):
        """A file with certificate and key."""
        path = os.path.join(self.dir, "both.pem")
        with open(path, "w", encoding="ascii") as both:
            for part in self.cert, self.key:
                with open(part, encoding="ascii") as file:
                    both.write(file.read())
        return path

    def context(self, version=None):
        """What a client trusts."""
        context = ssl.create_default_context(cafile=self.cert)
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def remove(self):
        shutil.rmtree(self.dir)


class Cluster:
    def __init__(self, edges=2, router_options=(), edge_options=(), auth="insecure", tls=None):
        self.tls = tls  # a Certificate: edges listen for TLS too
        self.router_port = free_port()
        self.admin_port = free_port()
        self.http_port = free_port()
        self.plane = "tcp://127.0.0.1:%d" % self.router_port
        self.admin = "tcp://127.0.0.1:%d" % self.admin_port
        self.router_options = ["--auth", auth, *router_options]
        self.programs = []
        self.router = None
        try:
            self.start_router()
            self.edges = [
                Edge(self, i + 1, ["--drain-timeout", "2s", "--reconnect-delay", "200ms", *edge_options])
                for i in range(edges)]
            self.await_ready()
        except BaseException:
            for program in self.programs:
                program.kill()
            raise

    def plane_of(self, _edge_id):
        """Where an edge finds the router."""
        return self.plane

    def run(self, name, *args, env=None):
        program = Program(name, list(args), env)
        self.programs.append(program)
        return program

    def start_router(self):
        # The window is for edges of an earlier life, and a fresh cluster has none. By environment, so
        # that a test's own flag is stronger.
        self.router = self.run(
            "router", "splitrail-router", "--bind", self.plane, "--admin-bind", self.admin,
            "--http-listen", "127.0.0.1:%d" % self.http_port, *self.router_options,
            env={"SPLITRAIL_REBUILD_WINDOW": "100ms"})

    def router_ready(self):
        try:
            return http_get(self.http_port, "/ready", timeout=ASK_AGAIN_S)[0] == 200
        except OSError:
            return False

    def await_ready(self):
        end = time.monotonic() + PATIENCE_S
        while not (self.router_ready() and all(edge.ready() for edge in self.edges)):
            for program in self.programs:
                trouble = program.trouble()
                if trouble:
                    raise AssertionError(trouble)
            if time.monotonic() > end:
                raise AssertionError("not ready: %s\n%s" % (
                    [self.why_not_ready(port) for port in (self.http_port, *(e.http_port for e in self.edges))],
                    "\n".join(p.output for p in self.programs)))
            time.sleep(0.02)

    @staticmethod
    def why_not_ready(port):
        try:
            return http_get(port, "/ready", timeout=ASK_AGAIN_S)[2].strip()
        except OSError as error:
            return str(error)

    async def ready(self):
        await asyncio.to_thread(self.await_ready)

    def add_edge(self, *options):
        edge = Edge(self, len(self.edges) + 1,
                    ["--drain-timeout", "2s", "--reconnect-delay", "200ms", *options])
        self.edges.append(edge)
        self.await_ready()
        return edge

    def metrics(self):
        return parse_metrics(http_get(self.http_port, "/metrics")[2])

    def ctl_raw(self, *args):
        """splitrailctl: (exit code, stdout, stderr). It waits for long, unless a flag says otherwise."""
        done = subprocess.run([os.path.join(BIN, "splitrailctl"), "--router", self.admin, *args],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=2 * PATIENCE_S, env=dict(os.environ, SPLITRAIL_TIMEOUT="60s"))
        if SANITIZER.search(done.stderr):
            raise AssertionError("splitrailctl: " + done.stderr)
        return done.returncode, done.stdout, done.stderr

    def ctl(self, *args):
        """The JSON document of a command that must succeed."""
        code, out, err = self.ctl_raw("--json", *args)
        if code != 0:
            raise AssertionError("splitrailctl %s: exit %d: %s" % (" ".join(args), code, err))
        return json.loads(out)

    def presence(self, user):
        """What the router says of one user."""
        code, out, err = self.ctl_raw("--json", "presence", "user", user)
        if code not in (0, 3):
            raise AssertionError("splitrailctl presence: exit %d: %s" % (code, err))
        answer = json.loads(out) if out.strip() else {}
        users = answer.get("users", [])
        return users[0] if users else {"userId": user, "online": False, "connections": 0}

    def close(self):
        """Ends everything, edges before the router; raises when anything was wrong."""
        edges = [edge.program for edge in self.edges]
        for program in edges:
            if program.running() and not program.trouble():
                program.send_signal(signal.SIGTERM)
                program.may_die = True
        troubles = []
        for program in edges:
            if program.may_die and program.process.returncode is None:
                try:
                    program.wait()
                except subprocess.TimeoutExpired:
                    troubles.append("%s did not end in time" % program.name)
                    program.kill()
                else:
                    if program.process.returncode != 0:
                        troubles.append("%s ended with %s" % (program.name, program.process.returncode))
        troubles += [t for t in (p.finish() for p in self.programs) if t]
        troubles += [p.name + ": edge and registry did not agree" for p in self.programs
                     if p.find("registry.diverged")]
        if troubles:
            raise AssertionError("\n".join(troubles) + "\n" + "\n".join(
                "--- %s\n%s" % (p.name, p.output[-1500:]) for p in self.programs))


def command(program, *args):
    """What starts it, or None when it is not installed."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    return path and [path, *args]


NGINX = command("nginx", "-p", "{dir}", "-e", "stderr", "-c", "{conf}")
HAPROXY = command("haproxy", "-db", "-f", "{conf}")


class Balancer:
    """A load balancer that listens: `start` is NGINX or HAPROXY, `conf` the text of its file, in which
    {plain}, {secure} and {http} are its ports and {dir} a directory."""

    def __init__(self, start, conf, **values):
        self.dir = tempfile.mkdtemp(prefix="splitrail-lb-")
        self.ports = {name: free_port() for name in ("plain", "secure", "http")}
        path = os.path.join(self.dir, "conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(conf.format(dir=self.dir, **self.ports, **values))
        self.program = Program("balancer", [part.format(conf=path, dir=self.dir) for part in start])
        end = time.monotonic() + PATIENCE_S
        while not self.listens():
            if not self.program.running() or time.monotonic() > end:
                self.close()
                raise AssertionError("it does not listen:\n" + self.program.output)
            time.sleep(0.01)

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.ports["plain"]), 1).close()
            return True
        except OSError:
            return False

    def close(self):
        if self.program.running():
            self.program.send_signal(signal.SIGTERM)
            self.program.wait()
        shutil.rmtree(self.dir)


def parse_metrics(text):
    """{name{labels}: value} of a Prometheus page."""
    values = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            key, value = line.rsplit(" ", 1)
            values[key] = float(value)
    return values
