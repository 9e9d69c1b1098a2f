"""How many system calls some processes make, counted by perf (tracepoints; nearly free) or, where that is
not allowed, by strace (which slows what it watches, so that its figures are of another pace)."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

NAMES = ("sendto", "sendmsg", "write", "writev", "recvfrom", "recvmsg", "read", "epoll_wait",
         "epoll_pwait", "poll", "io_uring_enter", "epoll_ctl", "futex", "getpid", "accept4", "close")


def perf_works():
    if not shutil.which("perf"):
        return False
    done = subprocess.run(["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "true"],
                          capture_output=True, text=True)
    return bool(re.search(r"^\d+,,raw_syscalls", done.stderr, re.M))


def tool():
    """perf, strace or None."""
    if perf_works():
        return "perf"
    return "strace" if shutil.which("strace") else None


def by_perf(pids, seconds):
    events = ["raw_syscalls:sys_enter"] + ["syscalls:sys_enter_" + name for name in NAMES]
    done = subprocess.run(
        ["perf", "stat", "-x,", "-e", ",".join(events), "-p", ",".join(map(str, pids)), "--", "sleep",
         "%.3f" % seconds], capture_output=True, text=True)
    counts = {}
    for line in done.stderr.splitlines():
        fields = line.split(",")
        if len(fields) > 2 and fields[0].isdigit():
            name = fields[2].rpartition("sys_enter_")[2] if "raw_" not in fields[2] else "all"
            counts[name] = int(fields[0]) / seconds
    return counts


def by_strace(pids, seconds):
    with tempfile.NamedTemporaryFile("r") as out:
        command = ["strace", "-c", "-f", "-o", out.name]
        for pid in pids:
            command += ["-p", str(pid)]
        tracer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        tracer.send_signal(signal.SIGINT)
        tracer.wait(20)
        counts = {}
        for line in out:
            found = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)(?:\s+\d+)?\s+(\w+)\s*$", line)
            if found:
                name = "all" if found.group(2) == "total" else found.group(2)
                counts[name] = int(found.group(1)) / seconds
    return counts


def count(pids, seconds, how):
    """Calls per second of all of them together: {"all": …, name: …}, empty when it failed."""
    pids = [pid for pid in pids if os.path.exists("/proc/%d" % pid)]
    return by_perf(pids, seconds) if how == "perf" else by_strace(pids, seconds)
