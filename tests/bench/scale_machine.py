"""What very many connections need of a machine, a network of their own, and what they take of it."""

import ctypes
import fcntl
import os
import resource
import signal
import socket
import struct
import threading
import time

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
PAGE = os.sysconf("SC_PAGESIZE")

# Both ends, kernel and userland, with something to spare.
BYTES_EACH = 12500


def meminfo(name):
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name + ":"))


def sysctl(name):
    """Its numbers, or None where it does not exist."""
    try:
        with open("/proc/sys/" + name.replace(".", "/"), encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return None


def own_network():
    """This process and what it starts get a network with nothing but loopback: no connection tracking, no
    ports in use. False without the right to it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        return False
    with socket.socket() as some:
        name = b"lo".ljust(16, b"\0")
        flags = struct.unpack("16sH", fcntl.ioctl(some, SIOCGIFFLAGS, name + bytes(24))[:18])[1]
        fcntl.ioctl(some, SIOCSIFFLAGS, struct.pack("16sH", name, flags | IFF_UP) + bytes(22))
    return True


def _sysctl_faults(connections, per_edge):
    """(name, what it must be, why) of what is too small."""
    sockets = 2 * connections
    wanted = [
        ("fs.file-max", sockets + sockets // 10, "files of the whole machine"),
        ("fs.nr_open", per_edge + 3000, "descriptors of one process"),
        ("net.core.somaxconn", 1024, "connections that wait for an edge to accept them"),
    ]
    faults = []
    for name, least, why in wanted:
        there = sysctl(name)
        if there and there[0] < least:
            faults.append((name, str(least), why))
    ports = sysctl("net.ipv4.ip_local_port_range")
    if ports and ports[1] - ports[0] < 2000:
        faults.append(("net.ipv4.ip_local_port_range", "32768 60999", "an edge is reached from each of many addresses"))
    tracked = sysctl("net.netfilter.nf_conntrack_count")
    room = sysctl("net.netfilter.nf_conntrack_max")
    if tracked and tracked[0] and room[0] < tracked[0] + connections + 50000:
        faults.append(("net.netfilter.nf_conntrack_max", str(2 * connections + 100000),
                       "connections are tracked here; without --here they would not be"))
    return faults


def tcp_fault(connections):
    """What a socket has not read yet takes a page at least, of a message to all or a ping. Above the second
    figure the kernel drops, and everybody waits for what is sent again. Global, and seen only from the network
    of the machine."""
    pages = sysctl("net.ipv4.tcp_mem")
    if pages and pages[1] < connections:
        return ("net.ipv4.tcp_mem", "%d %d %d" % (connections // 2, connections, connections * 3 // 2),
                "pages for data in sockets; above it much is dropped and sent again, later")
    return None


class Machine:
    """Looks at it before anything begins. `needs` are faults that prevent the run, `hints` do not."""

    def __init__(self, connections, per_edge, leave_bytes, here):
        tcp = tcp_fault(connections)
        self.own = not here and own_network()
        faults = _sysctl_faults(connections, per_edge)
        self.hints = [tcp] if tcp else []
        self.needs = ["sysctl -w %s=\"%s\"   # %s" % fault for fault in faults]
        self.faults = faults + self.hints
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard < per_edge + 300:
            self.needs.append("ulimit -Hn %d   # a process may have %d descriptors" % (per_edge + 300, hard))
        there = meminfo("MemAvailable") - leave_bytes
        if there < connections * BYTES_EACH:
            self.needs.append("%.1f GB of memory   # %.1f are there, %.1f left to others (--leave-mib)" % (
                connections * BYTES_EACH / 1e9, there / 1e9, leave_bytes / 1e9))

    def set(self):
        """Writes what is missing, as --set-sysctls asks. Global ones stay set."""
        for name, value, _ in self.faults:
            with open("/proc/sys/" + name.replace(".", "/"), "w", encoding="ascii") as file:
                file.write(value)
            print("set %s=%s" % (name, value))


class Guard:
    """Interrupts this process when memory runs short."""

    def __init__(self, leave_bytes):
        self.leave = leave_bytes
        self.least = meminfo("MemAvailable")
        self.short = False
        # Shells have what runs in the background ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        while not self.short:
            there = meminfo("MemAvailable")
            self.least = min(self.least, there)
            if there < self.leave:
                self.short = True
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)


# --- what the kernel keeps ---------------------------------------------------------------------------

SOCKET_CACHES = ("TCP", "sock_inode_cache", "filp", "dentry", "eventpoll_epi", "eventpoll_pwq", "lsm_file_cache")


def _slab_rows():
    try:
        with open("/proc/slabinfo", encoding="ascii") as file:
            return [line.split() for line in file][2:]
    except OSError:
        return []  # only root may


def slab_by_cache():
    """{cache: bytes of its pages}."""
    return {row[0]: int(row[14]) * int(row[5]) * PAGE for row in _slab_rows()}


def slab_growth(before, after, connections):
    """Of the caches that have to do with sockets, what grew most, per connection: [(name, bytes)]."""
    grown = [(name, (after[name] - before.get(name, 0)) / connections) for name in after
             if name in SOCKET_CACHES or name.startswith(("nf_conntrack", "skbuff"))]
    return sorted((row for row in grown if row[1] >= 20), key=lambda row: -row[1])


def socket_bytes():
    """What the objects of one socket with a descriptor in an epoll measure, or None."""
    sizes = {row[0]: int(row[3]) for row in _slab_rows()}
    return sum(sizes.get(name, 0) for name in SOCKET_CACHES) if sizes else None
