"""The faults by name. Each is an object: how the cluster is made (`made`), and what is done to it while
the publishers speak (`act`). It writes into the trace what may be seen because of it; nothing else may.
"""

import asyncio
import itertools
import signal

FENCED = 1012  # the router gave the edge's users away
BROKEN = 1006


class Fault:
    made = {}
    limits = (0, 0)  # seconds: median and worst pause; 0: not judged
    effect = ()  # counts that must not be 0, or the fault was none

    async def act(self, run):
        raise NotImplementedError


class RouterSigkill(Fault):
    """kill -9 in a loop: no socket closes, nobody is told to have left."""

    limits = (1, 3)

    async def act(self, run):
        for _ in range(run.size.kills):
            run.fault()
            run.trace("router_died")
            await asyncio.to_thread(run.router.kill)
            await run.start_router()
            await asyncio.sleep(run.size.period)


class RouterSigterm(Fault):
    """The polite end: held, and taken up by the next one."""

    limits = (1, 3)

    async def act(self, run):
        for _ in range(min(3, run.size.kills)):
            run.fault()
            run.trace("router_died")
            run.router.may_die = True
            run.router.send_signal(signal.SIGTERM)
            code = await asyncio.to_thread(run.router.wait)
            if code != 0:
                raise AssertionError("the router ended with %s after SIGTERM" % code)
            await run.start_router()
            await asyncio.sleep(run.size.period)


class RouterSigstop(Fault):
    """A router that hangs and comes back is the same router: nothing is lost or closed."""

    async def act(self, run):
        run.fault()
        run.router.send_signal(signal.SIGSTOP)
        await asyncio.sleep(10)
        run.router.send_signal(signal.SIGCONT)
        await asyncio.sleep(run.size.settle)


class EdgeSigkill(Fault):
    """Its clients come back elsewhere, with `since`."""

    effect = ("closed",)

    async def act(self, run):
        edge = run.size.kills % run.edge_count
        run.fault()
        run.may_close(edge, BROKEN)
        await asyncio.to_thread(run.edge(edge).kill)
        await asyncio.sleep(1)
        await asyncio.to_thread(run.cluster.edges[edge].start)
        await asyncio.sleep(run.size.settle + 3)
        run.trace("must_stay %d" % edge)


class EdgeSigstop(Fault):
    """Past its death: its clients are gone for the others; when it wakes up it is fenced and lets go."""

    effect = ("closed", "left")

    async def act(self, run):
        run.fault()
        run.may_close(1, FENCED)
        run.trace("pause 1")
        run.edge(1).send_signal(signal.SIGSTOP)
        await asyncio.sleep(30)
        run.trace("resume 1")
        run.edge(1).send_signal(signal.SIGCONT)
        await asyncio.sleep(run.size.settle)


SHORT_S = 2  # less than what the router takes for death
LONG_S = 6  # more than it, and back within the grace behind it


async def long_cut(run, edge, relay_cut):
    """Fenced: its clients are closed and come back."""
    run.fault()
    run.may_close(edge, FENCED)
    run.trace("pause %d" % edge)
    relay_cut()
    await asyncio.sleep(LONG_S)
    run.trace("resume %d" % edge)
    run.relays[edge].heal()
    await asyncio.sleep(run.size.settle)
    run.trace("must_stay %d" % edge)


class LinkCut(Fault):
    """Between edge and router: silent, then torn, shortly; then for longer than the router waits."""

    effect = ("closed",)
    made = {"relays": True}

    async def act(self, run):
        for edge, cut in ((0, lambda r: r.silence("up", "down")), (1, lambda r: r.tear())):
            run.fault()
            cut(run.relays[edge])
            await asyncio.sleep(SHORT_S)
            run.relays[edge].heal()
            await asyncio.sleep(4)
        await long_cut(run, 2, lambda: run.relays[2].silence("up", "down"))


class LinkOneWay(Fault):
    """The same, one direction at a time. An edge that is heard but does not hear is not given up."""

    effect = ("closed",)
    made = {"relays": True}

    async def act(self, run):
        for edge, direction in ((0, "down"), (1, "up")):
            run.fault()
            run.relays[edge].silence(direction)
            await asyncio.sleep(SHORT_S)
            run.relays[edge].heal()
            await asyncio.sleep(4)
        for edge, direction in ((1, "down"), (2, "up")):
            await long_cut(run, edge, lambda: run.relays[edge].silence(direction))


class SlowReader(Fault):
    """One member of a room where that is closed with 3008, one where it is told its gap; both recover,
    and the others notice nothing."""

    effect = ("closed", "gaps", "filled")

    made = {"edge_options": ["--soft-output-grace", "60s", "--heartbeat-interval", "0"],
            "slow": 2, "policy": {"namespaces": {"gap": {"slow_reader": "gap"}}}}

    async def act(self, run):
        # More than what the kernel takes for a connection.
        await run.everybody("load", rooms=[c % run.size.rooms for c in run.slow], pad=60000)
        await asyncio.sleep(6)
        run.fault()
        for client in run.slow:
            closes = client % run.size.rooms % 2 == 0
            run.trace("slow %d %d" % (client, closes))
            if closes:
                # The close frame is behind what the client did not read, and may not arrive.
                run.trace("excuse %d 3008" % client)
                run.trace("excuse %d %d" % (client, BROKEN))
        await run.everybody("stall", clients=run.slow, seconds=15)
        for client in run.slow:
            run.trace("quick %d" % client)
        await asyncio.sleep(3)
        await run.everybody("load", rooms=[], pad=0)
        await asyncio.sleep(3)


class Storm(Fault):
    """All connections break at once, and all come back at once."""

    async def act(self, run):
        for _ in range(2):
            run.fault()
            await run.everybody("storm")
            await asyncio.sleep(run.size.settle)


class DiskFull(Fault):
    """Refused, and told so, until there is room again."""

    effect = ("errors",)
    made = {"small_disk": True}

    async def act(self, run):
        for _ in range(2):
            run.fault()
            run.fill_disk()
            await asyncio.sleep(4)
            run.free_disk()
            await asyncio.sleep(5)


class ClockJump(Fault):
    """The wall clock of router and edges goes forward by a day, back by two, and is right again."""

    made = {"shim": True}

    async def act(self, run):
        for seconds in (86400, -86400, 0):
            run.fault()
            run.set_clock(seconds)
            await asyncio.sleep(4)


class DuplicateTab(Fault):
    """Second connections of users come, the first ones go, with a goodbye or without: for the others
    nothing happens."""

    def __init__(self, size):
        self.made = {"tabs": size.clients // 4}

    async def act(self, run):
        first = list(range(run.tabs))
        second = list(range(run.size.clients, run.size.clients + run.tabs))
        silent = [n for n in first if n >= run.size.publishers]  # publishers stay
        for going, coming in ((silent, second), (second, silent)):
            run.fault()
            await run.everybody("wanted", clients=coming)
            await asyncio.sleep(3)
            await run.everybody("unwanted", clients=going[::2], how=1)
            await run.everybody("unwanted", clients=going[1::2], how=2)
            await asyncio.sleep(3)


class RollAllEdges(Fault):
    """A deployment: each edge drains, ends and is started again."""

    effect = ("closed",)
    made = {"edge_options": ["--drain-timeout", "5s", "--reconnect-delay", "2s"]}

    async def act(self, run):
        for i in range(run.edge_count):
            program = run.edge(i)
            run.fault()
            run.may_close(i, FENCED)
            program.may_die = True
            program.send_signal(signal.SIGTERM)
            code = await asyncio.to_thread(program.wait)
            if code != 0:
                raise AssertionError("edge %d ended with %s after SIGTERM" % (i, code))
            await asyncio.to_thread(run.cluster.edges[i].start)
            await asyncio.to_thread(run.cluster.await_ready)
            run.trace("must_stay %d" % i)
            await asyncio.sleep(2)


ALL = {
    "router-sigkill": lambda size: RouterSigkill(),
    "router-sigterm": lambda size: RouterSigterm(),
    "router-sigstop-10s": lambda size: RouterSigstop(),
    "edge-sigkill": lambda size: EdgeSigkill(),
    "edge-sigstop-30s": lambda size: EdgeSigstop(),
    "link-cut": lambda size: LinkCut(),
    "link-one-way": lambda size: LinkOneWay(),
    "slow-reader": lambda size: SlowReader(),
    "storm": lambda size: Storm(),
    "disk-full": lambda size: DiskFull(),
    "clock-jump": lambda size: ClockJump(),
    "duplicate-tab": DuplicateTab,
    "roll-all-edges": lambda size: RollAllEdges(),
}
