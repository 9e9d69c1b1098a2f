"""The servers that are measured beside each other: how each is started, and how clients speak to it.

A System that runs has `pids` (name → pid of everything that belongs to it) and arguments() for
splitrail-bench. What cannot be installed here says so in missing().
"""

import glob
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.path.join(HERE, "peers")
MODULES = os.path.join(PEERS, "node_modules")
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

import cluster as e2e  # noqa: E402

PATIENCE_S = 20
NGINX_MODULES = "/usr/lib/nginx/modules"

JSON_DIRECT = '{"type":"direct_message","targetUserId":"user_u{peer}","payload":"{stamp}{pad}"}'


def version_of(pattern, *command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(1) if found else "?"


def package_version(name):
    try:
        with open(os.path.join(MODULES, name, "package.json"), encoding="utf-8") as f:
            return json.load(f)["version"]
    except OSError:
        return None


def await_port(program, port):
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            pass
        if not program.running() or time.monotonic() > end:
            raise RuntimeError("%s does not listen:\n%s" % (program.name, program.output[-2000:]))
        time.sleep(0.01)


class System:
    """One server, of one or several processes. Texts of the report are in class attributes."""

    name = title = parts = durability = cluster = leaves_out = ""

    def __init__(self):
        self.programs = []
        self.dir = None

    def missing(self):
        """Why it cannot be measured here, or None."""
        return None

    def version(self):
        return ""

    def start(self):
        """Starts it; returns when it serves."""
        self.dir = tempfile.mkdtemp(prefix="splitrail-bench-")
        os.chmod(self.dir, 0o755)  # some drop their privileges
        try:
            self.launch()
        except BaseException:
            self.close()
            raise

    def launch(self):
        raise NotImplementedError

    def run(self, name, *command, port=None):
        program = e2e.Program(name, list(command))
        self.programs.append(program)
        if port:
            await_port(program, port)
        return program

    def configure(self, template, **values):
        """A file of peers/ with its names filled in."""
        path = os.path.join(self.dir, template)
        with open(os.path.join(PEERS, template), encoding="utf-8") as source:
            text = source.read()
        if values:
            text = text.format(dir=self.dir, **values)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    @property
    def pids(self):
        return {program.name: program.pid for program in self.programs}

    def arguments(self, kind):
        """For splitrail-bench; `kind`: rooms or direct."""
        raise NotImplementedError

    def close(self):
        for program in reversed(self.programs):
            if program.running():
                program.process.terminate()
                try:
                    program.wait(5)
                except subprocess.TimeoutExpired:
                    program.kill()
        self.programs = []
        if self.dir:
            shutil.rmtree(self.dir, ignore_errors=True)
            self.dir = None


class Splitrail(System):
    name = "splitrail"
    title = "Splitrail"
    parts = "2 edges + router"
    durability = "memory"
    cluster = "yes"
    leaves_out = "nothing; but joins are not announced to the others of a room (`presence.events` off)"

    def __init__(self):
        super().__init__()
        self.running = None

    def version(self):
        return version_of(r"(\d\S*)", os.path.join(e2e.BIN, "splitrail-router"), "--version")

    def launch(self):
        # A thousand who come into one room would be announced half a million times; peers announce nobody.
        policy = os.path.join(self.dir, "policy.json")
        with open(policy, "w", encoding="ascii") as file:
            json.dump({"default": {"presence": {"events": "off"}}}, file)
        self.running = e2e.Cluster(
            edges=2, router_options=["--max-messages-per-second", "0", "--max-bytes-per-second", "0",
                                     "--connect-rate", "0",
                                     "--policy-file", policy, *self.data_options()],
            edge_options=["--max-connections-per-ip", "0", "--max-input-per-second", "0"])
        self.programs = self.running.programs

    def data_options(self):
        return []

    def arguments(self, kind):
        args = []
        for edge in self.running.edges:
            args += ["--url", edge.url + "?token=u{user}"]
        if kind == "direct":
            args += ["--rooms-each", "0", "--rooms-each-min", "0", "--publish", JSON_DIRECT]
        return args

    def close(self):
        running, self.running, self.programs = self.running, None, []
        try:
            if running:
                running.close()
        finally:
            super().close()


class SplitrailDurable(Splitrail):
    name = "splitrail-durable"
    title = "Splitrail, durable"
    parts = "2 edges + router with --data-dir"
    durability = "durable: synced to disk before anybody hears it"

    def data_options(self):
        return ["--data-dir", os.path.join(self.dir, "data")]


class Json(System):
    """Peers of our own making speak JSON as we do."""

    ports = ()

    def arguments(self, kind):
        args = []
        for port in self.ports:
            args += ["--url", "ws://127.0.0.1:%d/ws?token=u{user}" % port]
        if kind == "direct":
            args += ["--rooms-each", "0", "--rooms-each-min", "0", "--publish", JSON_DIRECT]
        return args


class WsRedis(Json):
    name = "ws-redis"
    title = "Node ws + Redis"
    parts = "2 Node processes + Redis"
    durability = "memory"
    cluster = "yes"
    leaves_out = "presence, history, limits, recovery, heartbeats, rebuilding after a loss"

    def missing(self):
        for command in ("node", "redis-server"):
            if not shutil.which(command):
                return "no " + command
        if not package_version("ws") or not package_version("ioredis"):
            return "npm ci failed in tests/bench/peers"
        return None

    def version(self):
        return "Node %s, ws %s, ioredis %s, Redis %s" % (
            version_of(r"v(\S+)", "node", "--version"), package_version("ws"),
            package_version("ioredis"), version_of(r"v=(\S+)", "redis-server", "--version"))

    def launch(self):
        redis = e2e.free_port()
        self.run("redis", shutil.which("redis-server"), "--port", str(redis), "--bind", "127.0.0.1",
                 "--save", "", "--appendonly", "no", "--dir", self.dir, port=redis)
        self.ports = [e2e.free_port(), e2e.free_port()]
        for number, port in enumerate(self.ports):
            self.run("node-%d" % (number + 1), shutil.which("node"),
                     os.path.join(PEERS, "ws_redis.js"), str(port), str(redis), port=port)


class Bun(Json):
    name = "bun"
    title = "Bun"
    parts = "1 process"
    durability = "memory"
    cluster = "no"
    leaves_out = "a cluster, presence, history, limits, recovery"

    @staticmethod
    def program():
        """The binary where the package puts it, or left it when install scripts are not allowed."""
        for path in [os.path.join(MODULES, "bun", "bin", "bun.exe"),
                     *sorted(glob.glob(os.path.join(MODULES, "@oven", "bun-linux-*", "bin", "bun")))]:
            try:
                if subprocess.run([path, "--version"], capture_output=True).returncode == 0:
                    return path
            except OSError:
                continue
        return None

    def missing(self):
        return None if self.program() else "npm ci failed in tests/bench/peers, or no build of it runs here"

    def version(self):
        return package_version("bun")

    def launch(self):
        self.ports = [e2e.free_port()]
        self.run("bun", self.program(), os.path.join(PEERS, "bun.js"), str(self.ports[0]),
                 port=self.ports[0])


class Nats(System):
    name = "nats"
    title = "NATS"
    parts = "1 process, WebSocket listener"
    durability = "memory, at most once"
    cluster = "not here (it can)"
    leaves_out = "the second server of a cluster, presence, history, recovery"

    def missing(self):
        return None if shutil.which("nats-server") else "no nats-server"

    def version(self):
        return version_of(r"v(\d\S*)", "nats-server", "--version")

    def launch(self):
        self.port = e2e.free_port()
        path = self.configure("nats.conf", port=self.port, plain=e2e.free_port())
        self.run("nats", shutil.which("nats-server"), "-c", path, port=self.port)

    def arguments(self, kind):
        subject = "r{room}" if kind == "rooms" else "r{peer}"
        return ["--url", "ws://127.0.0.1:%d/" % self.port, "--escapes", "--binary", "--stream",
                "--hello", 'CONNECT {"verbose":false,"protocol":1}\\r\\n',
                "--join", "SUB r{room} {id}\\r\\nPING\\r\\n", "--joined", "PONG\\r\\n", "--label", "",
                "--publish", "PUB %s {bytes}\\r\\n{stamp}{pad}\\r\\n" % subject]


class Nchan(System):
    name = "nchan"
    title = "Nchan"
    parts = "nginx, 1 worker"
    durability = "memory"
    cluster = "not here (with Redis it can)"
    leaves_out = "a cluster, presence, limits; keeps the last 1,000 messages of a channel for 10 s"

    def missing(self):
        if not shutil.which("nginx", path="/usr/sbin:" + os.environ.get("PATH", "")):
            return "no nginx"
        if not os.path.exists(os.path.join(NGINX_MODULES, "ngx_nchan_module.so")):
            return "no Nchan module"
        return None

    def version(self):
        module = version_of(r"1:(\S+)", "dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan")
        return "%s, nginx %s" % (module, version_of(r"nginx/(\S+)", "/usr/sbin/nginx", "-v"))

    def launch(self):
        self.port = e2e.free_port()
        path = self.configure("nchan.conf", port=self.port, modules=NGINX_MODULES,
                              descriptors=resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        self.run("nginx", "/usr/sbin/nginx", "-p", self.dir, "-e", "stderr", "-c", path, port=self.port)
        end = time.monotonic() + PATIENCE_S
        while len(self.pids) == 1 and time.monotonic() < end:  # it listens before it has workers
            time.sleep(0.01)

    @property
    def pids(self):
        """The master and its workers."""
        pids = super().pids
        for master in list(pids.values()):
            with open("/proc/%d/task/%d/children" % (master, master), encoding="ascii") as f:
                for number, pid in enumerate(f.read().split()):
                    pids["worker-%d" % (number + 1)] = int(pid)
        return pids

    def arguments(self, kind):
        path = "/room/r{room}" if kind == "rooms" else "/user/u{user}/u{peer}"
        return ["--url", "ws://127.0.0.1:%d%s" % (self.port, path), "--join", "", "--joined", "",
                "--label", "", "--rooms-each-min", "1" if kind == "rooms" else "0",
                "--rooms-each", "1" if kind == "rooms" else "0", "--publish", "{stamp}{pad}"]


class Mosquitto(System):
    name = "mosquitto"
    title = "mosquitto"
    parts = "1 process, WebSocket listener, QoS 0"
    durability = "memory, at most once"
    cluster = "no"
    leaves_out = "a cluster, presence, history, recovery"

    @staticmethod
    def program():
        return shutil.which("mosquitto", path="/usr/sbin:" + os.environ.get("PATH", ""))

    def missing(self):
        return None if self.program() else "no mosquitto"

    def version(self):
        return version_of(r"version (\S+)", self.program(), "-h")

    def launch(self):
        self.port = e2e.free_port()
        path = self.configure("mosquitto.conf", port=self.port, plain=e2e.free_port())
        self.run("mosquitto", self.program(), "-c", path, port=self.port)

    def arguments(self, kind):
        topic = "r{room}" if kind == "rooms" else "r{peer}"
        return ["--url", "ws://127.0.0.1:%d/mqtt" % self.port, "--subprotocol", "mqtt", "--escapes",
                "--binary", "--label", "",
                "--hello", "\\x10{varint[}\\x00\\x04MQTT\\x04\\x02\\x00\\x00{u16[}c{conn}{]}{]}",
                "--join", "\\x82{varint[}\\x00\\x01{u16[}r{room}{]}\\x00{]}", "--joined", "\\x90\\x03",
                "--publish", "\\x30{varint[}{u16[}%s{]}{stamp}{pad}{]}" % topic]


SYSTEMS = [Splitrail, SplitrailDurable, WsRedis, Bun, Nats, Nchan, Mosquitto]
