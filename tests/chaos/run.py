"""One run: a cluster, clients, and a trace of what happens. Faults (faults.py) act on it; the judge reads
the trace when all is quiet again."""

import asyncio
import collections
import json
import mmap
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

import cluster as e2e  # noqa: E402  (its folder was just named)
from relay import Relay  # noqa: E402

# How large a run is. `rate` is messages a second and publisher; rooms have two publishers each.
Size = collections.namedtuple(
    "Size", "name clients rooms publishers rate processes kills period settle rebuild grace jitter")
SIZES = {
    "tiny": Size("tiny", 48, 6, 4, 10, 1, 2, 3, 3, "1s", 4, 0.2),
    "small": Size("small", 200, 20, 10, 20, 1, 3, 6, 8, "3s", 5, 0.5),
    "full": Size("full", 2000, 200, 50, 20, 3, 12, 10, 10, "5s", 5, 0.5),
}
OPEN_PER_SECOND = 200
EDGE_DEAD_S = 3


def now_us():
    return time.monotonic_ns() // 1000


class ChaosCluster(e2e.Cluster):
    """The usual cluster; edges may find the router through relays, and programs may be dressed up."""

    def __init__(self, run, edges, router_options, edge_options):
        self.chaos = run
        self.environment = run.environment
        super().__init__(edges, router_options, edge_options)

    def plane_of(self, edge_id):
        relays = self.chaos.relays
        return relays[int(edge_id[5:]) - 1].endpoint if relays else self.plane

    def run(self, name, *args, env=None):
        if name == "router" and not self.chaos.on_tmpfs:
            # A file-size limit is to be an error, as a full disk is, and not a signal.
            args = ("/bin/sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh", os.path.join(e2e.BIN, args[0]), *args[1:])
        return super().run(name, *args, env=dict(env or {}, **self.environment))


class Pulse(threading.Thread):
    """How long this machine lets a process wait that wants to run: what it does to the servers, too."""

    def __init__(self):
        super().__init__(daemon=True)
        self.worst_s = 0.0
        self.start()

    def run(self):
        while True:
            start = time.monotonic()
            time.sleep(0.02)
            self.worst_s = max(self.worst_s, time.monotonic() - start - 0.02)


class SwarmProcess:
    """The clients of one process, see swarm.py."""

    def __init__(self, process, trace):
        self.process = process
        self.trace = trace
        self.numbers = 0
        self.waiting = {}
        self.codes = {}
        self.refusals = 0
        self.reader = asyncio.create_task(self.read())

    async def read(self):
        while True:
            line = await self.process.stdout.readline()
            if not line:
                break
            answer = json.loads(line)
            self.refusals, self.codes = answer["refusals"], answer["codes"]
            self.waiting.pop(answer["done"]).set_result(answer["more"])
        for future in self.waiting.values():
            future.set_exception(RuntimeError("the process with the clients ended"))

    async def order(self, what, **more):
        self.numbers += 1
        done = asyncio.get_running_loop().create_future()
        self.waiting[self.numbers] = done
        self.process.stdin.write((json.dumps({"do": what, "number": self.numbers, **more}) + "\n").encode())
        await self.process.stdin.drain()
        return await done

    async def end(self):
        self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), 10)
        except asyncio.TimeoutError:
            self.process.kill()
            await self.process.wait()
        await asyncio.gather(self.reader, return_exceptions=True)


class Run:
    def __init__(self, size, edges=3, relays=False, tabs=0, shim=False, small_disk=False, edge_options=(),
                 policy=None, slow=0):
        self.size = size
        self.edge_count = edges
        self.with_relays = relays
        self.tabs = tabs
        self.edge_options = edge_options
        self.policy = policy
        # Members that speak never, of neighbouring rooms.
        self.slow = [size.publishers + 1 + i for i in range(slow)]
        self.dir = tempfile.mkdtemp(prefix="splitrail-chaos-")
        self.data = os.path.join(self.dir, "data")
        self.lines = open(os.path.join(self.dir, "driver.trace"), "w")
        self.relays = []
        self.swarms = []
        self.clock = None
        self.environment = {}
        self.limits = (0, 0)
        self.on_tmpfs = False
        self.filler = os.path.join(self.data, "filler")
        os.mkdir(self.data, 0o700)
        if shim:
            self.wear_clock()
        if small_disk:
            self.mount()

    # --- what happens ---

    def trace(self, text):
        self.lines.write("%d %s\n" % (now_us(), text))

    def fault(self):
        self.trace("fault")

    def may_close(self, edge, *codes):
        for code in codes:
            self.trace("may_close %d %d" % (edge, code))

    @property
    def router(self):
        return self.cluster.router

    def edge(self, index):
        return self.cluster.edges[index].program

    async def start_router(self):
        await asyncio.to_thread(self.cluster.start_router)

    # --- dressing up ---

    def wear_clock(self):
        """Programs whose wall clock can be set."""
        path = os.path.join(self.dir, "clock")
        with open(path, "wb") as file:
            file.write(struct.pack("q", 0))
        self.clock_file = open(path, "r+b")
        self.clock = mmap.mmap(self.clock_file.fileno(), 8)
        self.environment = {"LD_PRELOAD": os.path.join(e2e.BIN, "clock_shim.so"), "CHAOS_CLOCK": path,
                            "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:verify_asan_link_order=0"}

    def set_clock(self, seconds):
        self.clock[:8] = struct.pack("q", seconds)

    def mount(self):
        """A disk of its own that can be filled. Only root may; others get a limit on file sizes."""
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", self.data],
                              capture_output=True)
        self.on_tmpfs = done.returncode == 0

    def fill_disk(self):
        if not self.on_tmpfs:
            _, hard = resource.prlimit(self.router.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(self.router.pid, resource.RLIMIT_FSIZE, (0, hard))
            return
        with open(self.filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 12))
            except OSError:
                pass

    def free_disk(self):
        if self.on_tmpfs:
            os.unlink(self.filler)
        else:
            _, hard = resource.prlimit(self.router.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(self.router.pid, resource.RLIMIT_FSIZE, (hard, hard))

    # --- the life of a run ---

    async def start(self):
        size = self.size
        self.trace("size %d %d %d %d %d %d %d" % (
            size.clients + self.tabs, size.clients, size.rooms, size.publishers, self.edge_count,
            size.grace * 1000000, EDGE_DEAD_S * 1000000))
        options = ["--data-dir", self.data, "--history-messages", "1000000", "--history-bytes", "64MiB",
                   "--rebuild-window", size.rebuild, "--presence-grace", "%ds" % size.grace,
                   "--edge-dead", "%ds" % EDGE_DEAD_S]
        if self.policy:
            path = os.path.join(self.dir, "policy.json")
            with open(path, "w") as file:
                json.dump(self.policy, file)
            options += ["--policy-file", path]
        if self.with_relays:
            self.relays = [Relay(e2e.free_port(), 0) for _ in range(self.edge_count)]
        for relay in self.relays:
            await relay.start()
        self.cluster = await asyncio.to_thread(self.make_cluster, options)
        await self.start_clients()

    def make_cluster(self, options):
        # The relays learn where the router is as soon as its port is chosen, before an edge starts.
        run = self

        class Cluster(ChaosCluster):
            def start_router(self):
                for relay in run.relays:
                    relay.router_port = self.router_port
                super().start_router()

        return Cluster(self, self.edge_count, options, self.edge_options)

    def plan(self):
        """(number, user, rooms, publisher or None) of every client. A publisher speaks in turn in its
        rooms; neighbours share half of them. All others are in one room."""
        size = self.size
        span = max(1, 2 * size.rooms // size.publishers)
        rows = []
        for number in range(size.clients):
            publisher = number if number < size.publishers else None
            rooms = [number % size.rooms]
            if publisher is not None:
                first = publisher * size.rooms // size.publishers
                rooms = [(first + i) % size.rooms for i in range(span)]
            rows.append((number, number, rooms, publisher))
        for tab in range(self.tabs):
            rows.append((size.clients + tab, tab, rows[tab][2], None))
        return rows

    async def start_clients(self):
        rows = self.plan()
        processes = self.size.processes
        later = list(range(self.size.clients, len(rows)))
        for i in range(processes):
            trace = os.path.join(self.dir, "swarm-%d.trace" % i)
            plan = {"trace": trace, "ports": [e.port for e in self.cluster.edges], "later": later, "slow": self.slow,
                    "publishers": self.size.publishers, "rate": self.size.rate, "window": 1000,
                    "jitter": self.size.jitter, "clients": [r for r in rows if r[0] % processes == i]}
            path = os.path.join(self.dir, "plan-%d.json" % i)
            with open(path, "w") as file:
                json.dump(plan, file)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-B", os.path.join(HERE, "swarm.py"), path, limit=1 << 20,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
            self.swarms.append(SwarmProcess(process, trace))
        await self.patiently(self.everybody("open", per_second=OPEN_PER_SECOND / processes),
                             30 + len(rows) / 50)

    async def everybody(self, what, **more):
        return await asyncio.gather(*(s.order(what, **more) for s in self.swarms))

    async def patiently(self, work, seconds):
        try:
            await asyncio.wait_for(work, seconds)
        except asyncio.TimeoutError:
            stuck = await self.everybody("stuck")
            raise AssertionError("clients still wait after %d s (number, joined, unanswered, refused, histories, "
                                 "pings, joins): %s" % (seconds, stuck)) from None

    async def settle(self):
        """Everything is said, heard and noticed; then what the router thinks of it."""
        self.trace("calm")
        await asyncio.to_thread(self.cluster.await_ready)
        await self.patiently(self.everybody("calm"), 90)
        await self.ask_presence()
        await self.everybody("flush")

    async def ask_presence(self):
        """When the counts agree, at the latest after all times for noticing."""
        wanted = self.size.clients
        end = time.monotonic() + 3 + self.size.grace + 7
        while True:
            conns = (await asyncio.to_thread(self.cluster.ctl, "conns", "--limit", "10000"))["connections"]
            rooms = await asyncio.to_thread(self.rooms)
            if time.monotonic() > end or (len(conns) == wanted and sum(map(len, rooms.values())) == self.seats()):
                break
            await asyncio.sleep(0.5)
        await self.patiently(self.everybody("calm"), 30)
        counts = collections.Counter(user_number(c["userId"]) for c in conns)
        self.conns = conns
        for user, count in counts.items():
            self.trace("online %d %d" % (user, count))
        for room, users in rooms.items():
            for user in users:
                self.trace("there %d %d" % (room, user))

    def seats(self):
        return sum(len(rooms) for number, _, rooms, _ in self.plan() if number < self.size.clients)

    def rooms(self):
        found = {}
        for room in range(self.size.rooms):
            answer = self.cluster.ctl("presence", "room", room_name(room), "--limit", "10000")
            found[room] = [user_number(m["userId"]) for m in answer["members"]]
        return found

    async def stop(self):
        """Ends everything, and writes down the log."""
        for swarm in self.swarms:
            await swarm.end()
        try:
            await asyncio.to_thread(self.cluster.close)
        finally:
            self.keep_logs()
            for relay in self.relays:
                await relay.stop()

    def keep_logs(self):
        """What the programs said, each start in a file of its own."""
        for i, program in enumerate(self.cluster.programs):
            with open(os.path.join(self.dir, "%s-%d.log" % (program.name, i)), "w") as file:
                file.write(program.output + "\n")

    def write_log(self):
        done = subprocess.run([os.path.join(e2e.BIN, "splitrailctl"), "export", self.data],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError("export: " + done.stderr)
        room = epoch = None
        for line in done.stdout.splitlines():
            words = line.split(" ")
            if words[0] == "channel":
                name = unescaped(words[7]).decode()
                room = int(name.rpartition(":")[2]) if ":" in name else None
                epoch = int(words[3]) % (1 << 64)
            elif words[0] == "message" and room is not None:
                self.trace("log %d %d %s %d" % (room, epoch, words[1], message_of(unescaped(words[6]))))

    def judge(self):
        """{name: number} and complaints."""
        self.trace("end")
        self.lines.close()
        path = os.path.join(self.dir, "trace")
        subprocess.run(["sort", "-s", "-n", "-k1,1", "-o", path, *(s.trace for s in self.swarms),
                        self.lines.name], check=True, env={"LC_ALL": "C"})
        self.unmount()
        done = subprocess.run([os.path.join(e2e.BIN, "chaos_judge"), path], capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise AssertionError("chaos_judge: exit %d %s" % (done.returncode, done.stderr))
        lines = done.stdout.splitlines()
        counts = dict(line.split(" ") for line in lines if not line.startswith("! "))
        return {k: int(v) for k, v in counts.items()}, [l[2:] for l in lines if l.startswith("! ")]

    def unmount(self):
        if self.on_tmpfs:
            subprocess.run(["umount", self.data], check=True)
            self.on_tmpfs = False

    def remove(self):
        self.unmount()
        shutil.rmtree(self.dir, ignore_errors=True)


def room_name(room):
    return "gap:%d" % room if room % 2 else "r:%d" % room


def user_number(name):
    return int(name[6:])


def unescaped(word):
    if "%" not in word:
        return word.encode()
    parts = word.split("%")
    return parts[0].encode() + b"".join(bytes([int(p[:2], 16)]) + p[2:].encode() for p in parts[1:])


def message_of(record):
    """The payload within a stored record holds {"m":NUMBER,…"""
    at = record.index(b'{"m":') + 5
    end = at
    while record[end:end + 1].isdigit():
        end += 1
    return int(record[at:end])
