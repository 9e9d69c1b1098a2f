"""splitrail-bench keeps true accounts, and ./dev bench writes its report from them."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.dom.minidom

from websockets.exceptions import ConnectionClosed
from websockets.server import serve

import cluster as e2e

BENCH_DIR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench")
sys.path.insert(0, BENCH_DIR)

import comparison_report  # noqa: E402
import growth  # noqa: E402
import growth_report  # noqa: E402
import latency  # noqa: E402
import latency_report  # noqa: E402

PATIENCE_S = 60


def bench(*args):
    """(exit code, report)."""
    with tempfile.NamedTemporaryFile("r", suffix=".json") as file:
        done = subprocess.run(
            [os.path.join(e2e.BIN, "splitrail-bench"), "--duration", "300ms", *args, "--json", file.name],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S)
        if done.returncode == 2:
            raise AssertionError(done.stderr)
        return done.returncode, json.load(file)


class OwnServers(unittest.TestCase):
    def setUp(self):
        self.cluster = e2e.Cluster(edges=2, router_options=["--max-messages-per-second", "0",
                                                            "--max-bytes-per-second", "0"])
        self.addCleanup(self.cluster.close)
        self.urls = [part for edge in self.cluster.edges for part in ("--url", edge.url + "?token=u{user}")]

    def test_rooms_are_accounted_exactly(self):
        code, report = bench(*self.urls, "--connections", "40", "--rooms", "4", "--publishers", "8",
                             "--in-flight", "2")
        account = report["account"]
        self.assertEqual(code, 0, report)
        self.assertGreater(account["received"], 0)
        self.assertEqual(account["received"], account["expected"])

    def test_messages_of_sixteen_bytes_are_accounted_exactly_after_a_silence(self):
        code, report = bench(*self.urls, "--connections", "40", "--rooms", "4", "--publishers", "8",
                             "--rate", "200", "--payload-bytes", "16", "--silence", "100ms")
        account = report["account"]
        self.assertEqual(code, 0, report)
        self.assertGreater(account["received"], 0)
        self.assertEqual(account["received"], account["expected"])
        self.assertGreater(report["latency"]["count"], 0)

    def test_direct_messages_go_to_and_fro_between_edges(self):
        code, report = bench(
            *self.urls, "--connections", "20", "--publishers", "20", "--direct", "--rooms-each", "0",
            "--rooms-each-min", "0", "--pid", "router=%d" % self.cluster.router.pid, "--warmup", "100ms",
            "--publish", '{"type":"direct_message","targetUserId":"user_u{peer}","payload":"{stamp}{pad}"}')
        self.assertEqual(code, 0, report)
        self.assertEqual(report["account"]["received"], report["sent"])
        self.assertGreater(report["cpu_us_per_delivery"], 0)


class Forger:
    """A server that gives every message of a client back in a wrong way, told by its path."""

    def __init__(self, deliver):
        self.deliver = deliver

    async def talk(self, socket):
        async for text in socket:
            if "join" in text:
                await socket.send('{"type":"ok","id":1}')
            else:
                await self.deliver(socket, text)

    async def serve(self, socket):
        with contextlib.suppress(ConnectionClosed):  # the generator just goes
            await self.talk(socket)

    def run(self, *args):
        async def both():
            async with serve(self.serve, "127.0.0.1", 0, compression=None) as server:
                port = server.sockets[0].getsockname()[1]
                return await asyncio.to_thread(bench, "--url", "ws://127.0.0.1:%d/" % port, *args)
        return asyncio.run(both())


async def twice(socket, text):
    await socket.send(text)
    await socket.send(text)


async def cut(socket, text):
    """As a stream: the stamp is split over two messages."""
    await socket.send(text[:70])
    await socket.send(text[70:])


class ForeignServers(unittest.TestCase):
    def test_a_server_that_repeats_itself_is_found_out(self):
        code, report = Forger(twice).run("--connections", "1", "--publishers", "1")
        self.assertEqual(code, 1)
        self.assertGreater(report["account"]["repeated"], 0)
        self.assertEqual(report["account"]["lost"], 0)

    def test_stamps_that_are_cut_in_two_are_found_in_a_stream_only(self):
        args = ("--connections", "1", "--publishers", "1")
        code, report = Forger(cut).run(*args, "--stream")
        self.assertEqual(code, 0, report)
        code, report = Forger(cut).run(*args, "--settle", "500ms")
        self.assertEqual(report["account"]["received"], 0)
        self.assertGreater(report["account"]["lost"], 0)

    def test_bytes_and_lengths_are_sent_as_the_templates_say(self):
        heard = []

        async def note(socket):
            async for message in socket:
                heard.append(message)

        forger = Forger(None)
        forger.talk = note
        forger.run("--connections", "1", "--publishers", "1", "--escapes", "--binary", "--joined", "",
                   "--hello", "\\x10{varint[}{u16[}c{conn}{]}{]}", "--join", "J{room}\\r\\n",
                   "--publish", "{bytes}\\x00{stamp}{pad}", "--payload-bytes", "60", "--settle", "500ms")
        self.assertEqual(heard[0], b"\x10\x04\x00\x02c0")
        self.assertEqual(heard[1], b"J0\r\n")
        self.assertRegex(heard[2], rb"^60\x00~~[0-9a-f]{48}x{10}$")


class Report(unittest.TestCase):
    def row(self, **values):
        return dict({"flaws": "", "load": 0.1}, **values)

    def data(self):
        def talk(cpu, flaws=""):
            return self.row(cpu=cpu, rate=1000.0, p50=1.0, p99=2.0, p999=3.0, max=4.0, flaws=flaws)

        def system(name):
            return {"name": name, "title": name, "parts": "1", "durability": "memory", "cluster": "no",
                    "leaves_out": "", "version": "1 & <2>"}

        scenarios = [{"name": "fan", "title": "fan-out", "kind": "rooms", "goal": 4, "arguments": "-x"},
                     {"name": "idle", "title": "idle", "kind": "idle", "goal": None, "arguments": "-y"}]
        idle = self.row(memory={"a": 100.0, "b": 50.0}, bytes=150.0, slab=9000.0, connects=5000.0,
                        connect_cpu_us=50.0)
        return {
            "machine": {"cpu": "c", "cores": 2, "memory": "m", "kernel": "k", "libc": "l", "commit": "x",
                        "at": "now"},
            "took_s": 60.0, "repetitions": 2, "duration_s": 1.0, "hold_s": 1.0, "scenarios": scenarios,
            "systems": [system("splitrail"), system("other")], "left_out": {"absent": "not installed"},
            "results": {"fan": {"splitrail": [talk(2.0), talk(4.0)], "other": [talk(6.0), talk(8.0, "1 lost")]},
                        "idle": {"splitrail": [idle, idle], "other": [idle, self.row(flaws="dead")]}},
            "calls_by": "perf", "calls": {"fan": {"splitrail": {"all": 0.5, "sendto": 0.4}}}}

    def test_it_has_ratios_flaws_and_what_was_left_out(self):
        with tempfile.TemporaryDirectory() as out:
            comparison_report.save(out, "compare", self.data())
            comparison_report.save(out, "scale", {"runs": {"5": {"connections": 5}}})
            comparison_report.write(out)
            with open(os.path.join(out, "BENCHMARKS.md"), encoding="utf-8") as file:
                text = file.read()
            for name in ("cpu", "latency", "idle", "syscalls"):
                self.assertIn("(benchmarks/%s.svg)" % name, text)
                xml.dom.minidom.parse(os.path.join(out, "benchmarks", name + ".svg"))
        self.assertIn("× 2.50 (2.00–3.00)", text)  # 6 to 2 and 8 to 4: each within its repetition
        self.assertIn("1 lost", text)
        self.assertIn("absent, because: not installed", text)
        self.assertIn("up to 5 connections", text)


MACHINE = {"cpu": "c", "cores": 2, "memory": "m", "kernel": "k", "libc": "l", "commit": "x", "at": "now"}


def written(report, name, data, *args):
    """(what write() gives, the text, the names of the charts, which are XML)."""
    with tempfile.TemporaryDirectory() as out:
        comparison_report.save(out, name, data)
        given = report.write(out, *args)
        with open(os.path.join(out, name.upper() + ".md"), encoding="utf-8") as file:
            text = file.read()
        charts = [file for file in os.listdir(os.path.join(out, "benchmarks")) if file.endswith(".svg")]
        for chart in charts:
            xml.dom.minidom.parse(os.path.join(out, "benchmarks", chart))
    return given, text, sorted(charts)


class GrowthReport(unittest.TestCase):
    def written(self, flaws=""):
        def row(cpu, **more):
            return dict({"cpu": {"router": cpu / 4, "edges": cpu * 3 / 4}, "rate": 1000.0, "p50": 1.0, "p99": 2.0,
                         "flaws": "", "load": 0.1}, **more)

        memory = {"router": 400.0, "edges": 500.0}
        results = [{"paced": [row(10.0 * x, bytes=memory, late=False)], "saturated": [row(5.0, flaws=flaws)]}
                   for x in (1, 10, 100)]
        curve = {"name": "edges", "fixed": "what stays",
                 "points": [{"x": x, "connections": 10, "rooms": 1, "edges": x} for x in (1, 10, 100)]}
        return written(growth_report, "growth", {
            "machine": MACHINE, "took_s": 60.0, "full": False, "repetitions": 1, "duration_s": 1.0,
            "curves": [curve], "results": {"edges": results}}, {c.name: c for c in growth.CURVES})

    def test_it_says_what_is_flat_and_what_is_in_proportion(self):
        flawed, text, charts = self.written()
        self.assertFalse(flawed)
        self.assertEqual(charts, ["growth-edges.svg"])
        self.assertIn("| CPU per delivery, paced | 10.0 → 1,000 µs | × 100 | 1.00 | 1.00 (1 → 10) | "
                      "in proportion |", text)
        self.assertIn("| × 1.00, slope 0.00: flat |", text)
        self.assertIn("1,000 (750 + 250)", text)

    def test_a_flawed_run_is_named(self):
        flawed, text, _ = self.written("3 lost")
        self.assertTrue(flawed)
        self.assertIn("| 3 lost |", text)

    def test_every_size_has_its_rooms_on_all_edges_and_its_publishers_in_different_rooms(self):
        for full in (False, True):
            sizes = growth.Sizes(full)
            for curve in growth.CURVES:
                for point in curve.points(sizes):
                    self.publishers_meet_nobody(point)

    def publishers_meet_nobody(self, point):
        args = dict(zip(point.load("saturated")[::2], point.load("saturated")[1::2]))
        count = int(args["--publishers"])
        rooms = {(p * (point.talkers // count)) % point.rooms for p in range(count)}
        self.assertEqual(len(rooms), min(count, point.rooms), vars(point))
        self.assertLessEqual(point.connections, growth.PER_EDGE * point.edges, vars(point))


class LatencyReport(unittest.TestCase):
    def data(self):
        def row(ms, per_s, **more):
            return dict({"p50": ms, "p99": 2 * ms, "p999": 3 * ms, "max": 4 * ms, "rate": 9.0, "cpu": 1.0,
                         "flaws": "", "load": 0.1, "late": False, "per_s": per_s}, **more)

        keys = ["%s-%d" % (kind, share) for kind in ("own", "equal") for share in latency.SHARES]
        paced = {"splitrail": {key: [row(1.0, 5), row(2.0, 5)] for key in keys},
                 "other": {key: [row(3.0, 5), row(4.0, 5, late=True)] for key in keys}}
        saturation = {name: [row(1.0, None), row(1.0, None)] for name in paced}
        return {"machine": MACHINE, "took_s": 60.0, "repetitions": 2, "duration_s": 1.0,
                "shares": list(latency.SHARES), "left_out": {"absent": "not installed"},
                "loads": [{"name": "fan", "title": "fan-out", "heard": 10, "arguments": "-x", "closed": "-y"}],
                "systems": [{"name": name, "title": name, "parts": "1", "version": "1"} for name in paced],
                "results": {"fan": {"saturation": saturation, "paced": paced}}}

    def test_it_has_ratios_and_who_did_not_keep_up(self):
        flawed, text, charts = written(latency_report, "latency", self.data())
        self.assertFalse(flawed)
        self.assertEqual(charts, ["latency-fan.svg"])
        self.assertIn("× 2.50 (2.00–3.00)", text)  # 3 to 1 and 4 to 2: each within its repetition
        self.assertIn("exact, **late** in 1 of 2", text)
        self.assertIn("absent, because: not installed", text)

    def test_rates_are_shares_of_its_own_saturation_and_of_the_slowest(self):
        load = latency.LOADS[0]
        rates = latency.rates_of(load, {"fast": [{"rate": 4000.0}], "slow": [{"rate": 1000.0}],
                                        "dead": [{"flaws": "did not start"}]})
        self.assertEqual(rates["fast"][("own", 75)], 300)
        self.assertEqual(rates["fast"][("equal", 75)], rates["slow"][("own", 75)])
        self.assertNotIn("dead", rates)


if __name__ == "__main__":
    unittest.main()
