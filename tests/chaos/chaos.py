"""chaos.py [FAULT…]: breaks a real cluster under real clients, and lets the simulator's judge read what
they saw. Exit 0: every verdict is good. See docs/TESTING.md."""

import argparse
import asyncio
import itertools
import os
import signal
import sys
import time
import traceback

from faults import ALL
from run import SIZES, Pulse, Run


def parse():
    parser = argparse.ArgumentParser(prog="./dev chaos", description="Faults: " + ", ".join(ALL))
    parser.add_argument("faults", nargs="*", metavar="FAULT", help="default: all")
    parser.add_argument("--full", action="store_true", help="2,000 clients in 200 rooms on 3 edges; 12 kills")
    parser.add_argument("--tiny", action="store_true", help="what ./dev test runs")
    parser.add_argument("--runs", type=int, default=1, help="each fault so often")
    parser.add_argument("--clients", type=int, help="instead of the size's")
    parser.add_argument("--rooms", type=int)
    parser.add_argument("--publishers", type=int)
    parser.add_argument("--rate", type=int, help="messages per second and publisher")
    parser.add_argument("--kills", type=int, help="deaths of the router in router-sigkill")
    parser.add_argument("--no-limits", action="store_true", help="measure pauses, do not judge them")
    parser.add_argument("--memory-rooms", action="store_true",
                        help="nothing is kept on disk, so that the verdict on router-sigkill must be bad")
    parser.add_argument("--keep", action="store_true", help="keep the directory of a run that was good, too")
    args = parser.parse_args()
    for name in args.faults:
        if name not in ALL:
            parser.error("no fault '%s': %s" % (name, ", ".join(ALL)))
    return args


def size_of(args):
    size = SIZES["full" if args.full else "tiny" if args.tiny else "small"]
    given = {k: getattr(args, k) for k in ("clients", "rooms", "publishers", "rate", "kills")}
    return size._replace(**{k: v for k, v in given.items() if v is not None})


async def break_it(run, fault, limits):
    """The trace of one run, judged."""
    stopped = False
    try:
        await run.start()
        if limits:
            run.trace("limit %d %d" % tuple(1000000 * s for s in fault.limits))
        await run.everybody("publish")
        await asyncio.sleep(2)
        run.trace("control")
        await asyncio.sleep(run.size.period)
        run.trace("calm")
        await fault.act(run)
        await run.settle()
        stopped = True
        await run.stop()
    finally:
        if not stopped:
            await give_up(run)
    run.write_log()
    counts, complaints = await asyncio.to_thread(run.judge)
    complaints += ["the fault had no effect: nothing %s" % what for what in fault.effect if counts[what] == 0]
    return counts, complaints


async def give_up(run):
    """After a failure: everything ends, and nothing hides what went wrong."""
    for swarm in run.swarms:
        await swarm.end()
    for program in getattr(getattr(run, "cluster", None), "programs", []):
        if program.running():
            program.kill()
    run.unmount()


def times(counts, name):
    return "%.2f/%.2f s" % (counts[name + "_median_us"] / 1e6, counts[name + "_worst_us"] / 1e6)


def milliseconds(counts, name):
    return "%.1f/%.1f/%.0f ms" % tuple(counts["%s_%s_us" % (name, what)] / 1e3 for what in ("median", "p99", "worst"))


LOST = ("an offset that does not follow", "a member lacks messages at the end", "told or answered, and not in the log",
        "a message without an answer", "a log with a hole")
TWICE = ("one message, two offsets", "a message stands in the log twice", "a message was accepted twice")
DISORDER = ("a message again, or out of order", "messages of one sender out of order in the log",
            "one offset, two messages")


def total(complaints, texts):
    return sum(int(c.split(" ")[0]) for c in complaints for t in texts if c.endswith(" times: " + t))


def report(name, run, counts, complaints, seconds, pulse):
    verdict = "FAILED" if complaints else "good"
    codes = {}
    for swarm in run.swarms:
        for code, count in swarm.codes.items():
            codes[code] = codes.get(code, 0) + count
    print("%-18s %s (%.0f s)" % (name, verdict, seconds))
    print("  sockets   %d opened, %d closed by the server or broken, %d openings refused" % (
        counts["opened"], counts["closed"], sum(s.refusals for s in run.swarms)))
    print("  messages  %d sent, %d ok (%d as duplicates), %d sent again, %d unknown to their sender, refused: %s" % (
        counts["sent"], counts["ok"], counts["known"], counts["repeated"], counts["abandoned"], codes or "none"))
    print("  logs      %d messages; delivered %d; gaps told %d, left out %d, of these asked for %d" % (
        counts["logged"], counts["delivered"], counts["gaps"], counts["left_out"], counts["filled"]))
    print("  wrong     lost %d, twice %d, out of order %d" % (
        total(complaints, LOST), total(complaints, TWICE), total(complaints, DISORDER)))
    print("  pause     median/worst %s over %d members × faults; without a fault %s" % (
        times(counts, "pause"), counts["pause_count"], times(counts, "control")))
    print("  latency   median/p99/worst %s; around the fault %s" % (
        milliseconds(counts, "latency"), milliseconds(counts, "fault_latency")))
    print("  presence  user_joined %d, user_left %d" % (counts["joined"], counts["left"]))
    print("  machine   let a process wait for %.2f s; load %.1f on %d cores" % (
        pulse.worst_s, os.getloadavg()[0], os.cpu_count()))
    for complaint in complaints[:40]:
        print("  ! " + complaint)
    if complaints:
        print("  trace     %s" % os.path.join(run.dir, "trace"))
    sys.stdout.flush()


async def once(name, args):
    size = size_of(args)
    fault = ALL[name](size)
    made = dict(fault.made)
    if args.memory_rooms:
        made["policy"] = {"default": {"class": "memory"}}
    run = Run(size, **made)
    start = time.monotonic()
    pulse = Pulse()
    try:
        counts, complaints = await break_it(run, fault, not args.no_limits)
    except Exception:  # a run that breaks down is a verdict, and others follow
        traceback.print_exc()
        print("%-18s BROKE DOWN; %s" % (name, run.dir))
        sys.stdout.flush()
        return False
    report(name, run, counts, complaints, time.monotonic() - start, pulse)
    if not args.keep and (not complaints or args.memory_rooms):
        run.remove()
    return not complaints


async def main():
    args = parse()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    good = bad = 0
    for name, _ in itertools.product(args.faults or ALL, range(args.runs)):
        if await once(name, args):
            good += 1
        else:
            bad += 1
    print("chaos: %d good, %d failed" % (good, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
