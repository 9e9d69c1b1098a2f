"""TLS at the edge: both versions, resumption, a new certificate, and whoever does not speak it."""

import asyncio
import os
import signal
import socket
import ssl
import unittest

from clients import Client, Raw, TlsClusterCase, frame, handshake
from cluster import PATIENCE_S, Certificate, eventually

HERE = os.path.dirname(os.path.abspath(__file__))
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


class TlsCase(TlsClusterCase):
    async def secure(self, edge=0, version=None, **options):
        return await self.client(edge=edge, ssl=self.certificate.context(version), **options)

    def tls_metric(self, name, label, edge=0):
        return self.cluster.edges[edge].metrics()["splitrail_edge_tls_%s_total{%s}" % (name, label)]

    def exchange(self, edge, request, context=None, session=None, name="localhost"):
        """One request over TLS, blocking: (answer, session, resumed, certificate)."""
        context = context or self.certificate.context()
        with socket.create_connection(("127.0.0.1", edge.tls_port), PATIENCE_S) as plain:
            with context.wrap_socket(plain, server_hostname=name, session=session) as secure:
                secure.sendall(request)
                answer = b""
                while True:
                    more = secure.recv(1 << 16)
                    if not more:
                        break
                    answer += more
                return answer, secure.session, secure.session_reused, secure.getpeercert(True)


HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Tls(TlsCase):
    router_options = ("--max-messages-per-second", "0", "--max-bytes-per-second", "0")
    # Whoever does not read answers no ping either, and is not to be closed for that.
    edge_options = ("--max-output", "4MiB", "--soft-output", "2MiB", "--heartbeat-interval", "0")

    async def test_clients_of_both_versions_talk_to_each_other_and_to_plain_ones(self):
        room = self.new()
        clients = [await self.secure(0, version) for version in VERSIONS.values()]
        clients += [await self.secure(1), await self.client(edge=1)]
        for client, version in zip(clients, VERSIONS):
            self.assertEqual(
                client.socket.transport.get_extra_info("ssl_object").version(), version)
        for client in clients:
            await client.ok("join", room=room)
        for n, client in enumerate(clients):
            await client.ok("room_message", room=room, payload=n)
        for client in clients:
            for n in range(len(clients)):
                await client.expect("room_message", roomId=room, payload=n)
            await client.close()
            self.assertEqual(client.socket.close_code, 1000)

    async def test_http_1_1_is_selected_and_the_cipher_is_sane(self):
        context = self.certificate.context(VERSIONS["TLSv1.2"])
        context.set_alpn_protocols(["h2", "http/1.1"])
        client = await self.client(ssl=context)
        session = client.socket.transport.get_extra_info("ssl_object")
        self.assertEqual(session.selected_alpn_protocol(), "http/1.1")
        self.assertRegex(session.cipher()[0], "^ECDHE-.*(GCM|POLY1305)")
        self.assertIsNone(session.compression())
        with self.assertRaises(OSError):
            context = self.certificate.context(VERSIONS["TLSv1.2"])
            context.set_ciphers("AES128-SHA")
            await Client.connect(self.cluster.edges[0], "x", ssl=context)

    async def test_npm_ws_sends_large_and_small_messages(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                node = await asyncio.create_subprocess_exec(
                    "node", os.path.join(HERE, "programs", "tls.mjs"),
                    self.cluster.edges[0].tls_url, self.certificate.cert, version,
                    stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
                try:
                    out, err = await asyncio.wait_for(node.communicate(), PATIENCE_S)
                except asyncio.TimeoutError:
                    node.kill()
                    raise
                self.assertEqual(node.returncode, 0, (out + err).decode())
                self.assertIn(b"DONE", out)

    async def test_large_messages_and_many_small_ones_keep_their_order(self):
        room = self.new()
        sender, listener = await self.secure(0), await self.secure(1)
        await listener.ok("join", room=room)
        await sender.ok("join", room=room)
        payloads = ["x" * 60000 + str(n) for n in range(40)] + list(range(2000))
        await asyncio.gather(*(
            sender.send("room_message", room=room, payload=p, echo=False) for p in payloads))
        try:
            await asyncio.wait_for(self.heard_all(listener, len(payloads)), PATIENCE_S)
        except asyncio.TimeoutError:
            self.fail("heard %d of %d" % (len(listener.heard("room_message")), len(payloads)))
        self.assertEqual([m["payload"] for m in listener.heard("room_message")], payloads)

    async def heard_all(self, client, count):
        async with client.changed:
            await client.changed.wait_for(lambda: len(client.heard("room_message")) >= count)

    async def test_the_second_connection_is_resumed(self):
        edge = self.cluster.edges[0]
        for version in VERSIONS.values():
            with self.subTest(version=version):
                before = self.tls_metric("handshakes", 'kind="resumed"')
                context = self.certificate.context(version)
                _, session, resumed, _ = await asyncio.to_thread(
                    self.exchange, edge, HEALTH, context)
                self.assertFalse(resumed)
                answer, _, resumed, _ = await asyncio.to_thread(
                    self.exchange, edge, HEALTH, context, session)
                self.assertTrue(resumed)
                self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
                self.assertEqual(self.tls_metric("handshakes", 'kind="resumed"'), before + 1)

    async def test_health_is_answered_on_the_tls_port(self):
        answer = (await asyncio.to_thread(self.exchange, self.cluster.edges[0], HEALTH))[0]
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
        self.assertTrue(answer.rstrip().endswith(b"ok"), answer)

    async def test_plain_http_on_the_tls_port_is_told_so(self):
        for request in HEALTH, handshake(), b"POST /x HTTP/1.1\r\nHost: x\r\n\r\n" + b"y" * 5000:
            raw = await Raw.open(self.cluster.edges[0].tls_port)
            await raw.send(request)
            answer = await raw.rest()
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
            self.assertIn(b"this port speaks TLS", answer)
            raw.end()
        self.assertGreaterEqual(self.tls_metric("failures", 'reason="http"'), 3)

    async def test_nonsense_on_the_tls_port_ends_it(self):
        for data in b"\x00" * 100, b"\x16\x03\x01\xff\xff" + b"z" * 100, b"SSH-2.0-x\r\n" * 20:
            raw = await Raw.open(self.cluster.edges[0].tls_port)
            await raw.send(data)
            self.assertLess(len(await raw.rest()), 100)
            raw.end()
        await (await self.secure()).ok("ping")

    async def test_tls_on_the_plain_port_ends_it(self):
        edge = self.cluster.edges[0]
        with self.assertRaises(ssl.SSLError):
            await Client.connect("wss://127.0.0.1:%d/ws" % edge.port, "x",
                                 ssl=self.certificate.context())
        await (await self.client()).ok("ping")

    async def test_bytes_that_come_one_at_a_time_make_a_connection(self):
        context = self.certificate.context()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        raw = await Raw.open(self.cluster.edges[0].tls_port)
        raw.writer.transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        async def crawl(act):
            while True:
                try:
                    result = act()
                except ssl.SSLWantReadError:
                    result = None
                for byte in outgoing.read():
                    await raw.send(bytes([byte]))
                    await asyncio.sleep(0)
                if result is not None:
                    return result
                incoming.write(await asyncio.wait_for(raw.reader.read(4096), PATIENCE_S))
        await crawl(lambda: session.do_handshake() or True)
        await crawl(lambda: session.write(handshake("/ws?token=" + self.new("u")) +
                                          frame(1, b'{"type":"ping","id":9}')))
        heard = b""
        while b'"id":9' not in heard:
            heard += await crawl(lambda: session.read(4096))
        self.assertTrue(heard.startswith(b"HTTP/1.1 101 "))
        raw.end()

    async def test_a_vanished_client_is_noticed(self):
        room = self.new()
        gone, here = await self.secure(), await self.secure(1)
        await gone.ok("join", room=room)
        await here.ok("join", room=room)
        gone.abort()
        await here.expect("user_left", userId=gone.user)

    async def test_a_slow_reader_is_closed_with_3008_and_nobody_else_waits(self):
        room = self.new()
        edge = self.cluster.edges[0]
        key = 'ws_disconnections_total{server_id="%s",reason="slow_consumer"}' % edge.id
        before = edge.metrics().get(key, 0)
        plug = socket.socket()
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plug.connect(("127.0.0.1", edge.tls_port))
        secure = self.certificate.context().wrap_socket(plug, server_hostname="localhost")
        secure.sendall(handshake("/ws?token=slow") +
                       frame(1, b'{"type":"join","room":"%s"}' % room.encode()))
        talker, listener = await self.client(edge=1), await self.secure()
        await talker.ok("join", room=room)
        await listener.ok("join", room=room)
        await eventually(lambda: self.cluster.ctl("presence", "room", room)["total"] == 3, "all in")
        sent = 0
        while edge.metrics().get(key, 0) == before:
            self.assertLess(sent, 2000, "the slow reader is never closed")
            await talker.ok("room_message", room=room, payload="x" * 30000, echo=False)
            sent += 1
        got = await listener.settled("room_message", roomId=room)
        self.assertEqual([m["offset"] for m in got], list(range(1, sent + 1)))
        secure.close()

    async def test_a_reader_that_pauses_gets_every_byte_later(self):
        room = self.new()
        talker, lazy = await self.client(edge=1), await self.secure()
        await lazy.ok("join", room=room)
        await talker.ok("join", room=room)
        lazy.socket.transport.pause_reading()
        for n in range(40):
            await talker.ok("room_message", room=room, payload=str(n) * 25000, echo=False)
        lazy.socket.transport.resume_reading()
        for n in range(40):
            await lazy.expect("room_message", roomId=room, payload=str(n) * 25000)


class Reconnect(TlsCase):
    """Clients keep one ticket, and come back to whichever edge takes them."""

    async def ticket(self, edge, version):
        context = self.certificate.context(version)
        _, session, resumed, _ = await asyncio.to_thread(self.exchange, edge, HEALTH, context)
        self.assertFalse(resumed)
        return context, session

    async def assert_resumes(self, edge, ticket):
        context, session = ticket
        answer, session, resumed, _ = await asyncio.to_thread(
            self.exchange, edge, HEALTH, context, session)
        self.assertTrue(resumed, edge.id)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
        return context, session

    async def test_a_session_is_resumed_at_the_other_edge(self):
        one, other = self.cluster.edges
        for version in VERSIONS.values():
            with self.subTest(version=version):
                ticket = await self.assert_resumes(other, await self.ticket(one, version))
                await self.assert_resumes(one, ticket)

    async def test_a_session_outlives_its_edge(self):
        one, other = self.cluster.edges
        tickets = [await self.ticket(one, version) for version in VERSIONS.values()]
        one.program.kill()
        for ticket in tickets:
            await self.assert_resumes(other, ticket)
        one.start()
        await self.cluster.ready()
        for ticket in tickets:
            await self.assert_resumes(one, ticket)

    async def test_a_session_outlives_its_router_at_all_edges(self):
        old = [await self.ticket(self.cluster.edges[0], version) for version in VERSIONS.values()]
        for _ in range(2):
            links = self.fresh_links()
            self.cluster.router.kill()
            for ticket in old:
                await self.assert_answers_away(ticket)
            self.cluster.start_router()
            await eventually(lambda: all(now > then for now, then in zip(self.fresh_links(), links)),
                             "every edge has heard of the new router")
            for edge in self.cluster.edges:
                for ticket in old:
                    await self.assert_resumes(edge, ticket)
        for version in VERSIONS.values():
            ticket = await self.ticket(self.cluster.edges[1], version)
            await self.assert_resumes(self.cluster.edges[0], ticket)

    def fresh_links(self):
        return [edge.metrics()["splitrail_edge_link_fresh_total"] for edge in self.cluster.edges]

    async def assert_answers_away(self, ticket):
        """Without a router /health may be 503; the session is taken up all the same."""
        context, session = ticket
        _, _, resumed, _ = await asyncio.to_thread(
            self.exchange, self.cluster.edges[1], HEALTH, context, session)
        self.assertTrue(resumed)


class Certificates(TlsCase):
    edges = 1

    def reload(self, line):
        program = self.cluster.edges[0].program
        seen = len([x for x in program.lines if line in x])
        program.send_signal(signal.SIGHUP)
        return lambda: len([x for x in program.lines if line in x]) > seen

    async def test_a_new_certificate_is_taken_and_nobody_is_dropped(self):
        edge = self.cluster.edges[0]
        old = self.certificate.context()
        stays = await self.client(ssl=old)
        first = (await asyncio.to_thread(self.exchange, edge, HEALTH))[3]
        self.certificate.renew()
        await eventually(self.reload("tls.loaded"), "the new certificate is read")
        second = (await asyncio.to_thread(self.exchange, edge, HEALTH))[3]
        self.assertNotEqual(first, second)
        await stays.ok("ping")
        await (await self.secure()).ok("ping")
        with self.assertRaises(ssl.SSLError):
            await asyncio.to_thread(self.exchange, edge, HEALTH, old)
        await eventually(lambda: self.tls_metric("failures", 'reason="alert"') >= 1,
                         "the refusal is counted")

        with open(self.certificate.key, "w", encoding="ascii") as key:
            key.write("not a key\n")
        await eventually(self.reload("tls.load_failed"), "the bad key is refused")
        self.assertEqual((await asyncio.to_thread(self.exchange, edge, HEALTH))[3], second)
        await stays.ok("ping")


class Names(TlsCase):
    """One edge, several names: each client gets the certificate that it can verify."""
    edges = 1

    @classmethod
    def setUpClass(cls):
        cls.others = {"chat.one.test": Certificate("DNS:*.one.test"),
                      "two.test": Certificate("DNS:two.test,DNS:www.two.test"),
                      "rsa.test": Certificate("DNS:rsa.test", ("rsa:2048",))}
        cls.edge_options = [word for other in cls.others.values() for word in (
            "--tls-cert-file", other.cert, "--tls-key-file", other.key)]
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        for other in cls.others.values():
            other.remove()

    async def ask(self, name, context, session=None):
        answer = await asyncio.to_thread(self.exchange, self.cluster.edges[0], HEALTH, context,
                                         session, name)
        self.assertTrue(answer[0].startswith(b"HTTP/1.1 200 "), answer[0])
        return answer

    async def test_each_name_is_verified_with_its_own_certificate(self):
        for name, other in self.others.items():
            for version in VERSIONS.values():
                await self.ask(name, other.context(version))
        await self.ask("localhost", self.certificate.context())
        with self.assertRaises(ssl.SSLError):
            await self.ask("two.test", self.certificate.context())

    async def test_unknown_names_and_none_get_the_first(self):
        with open(self.certificate.cert, encoding="ascii") as file:
            default = ssl.PEM_cert_to_DER_cert(file.read())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        for name in ("unknown.test", "deep.chat.one.test", "one.test", None):
            self.assertEqual((await self.ask(name, context))[3], default, name)

    async def test_a_session_is_not_taken_to_another_name(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        for certificate in self.certificate, *self.others.values():
            context.load_verify_locations(certificate.cert)
        for version in VERSIONS.values():
            context.maximum_version = context.minimum_version = version
            session = (await self.ask("two.test", context))[1]
            self.assertTrue((await self.ask("two.test", context, session))[2])
            session = (await self.ask("two.test", context))[1]
            self.assertFalse((await self.ask("rsa.test", context, session))[2])
            session = (await self.ask("two.test", context))[1]
            self.assertFalse((await self.ask("www.two.test", context, session))[2])

    async def test_one_bad_file_keeps_the_whole_set(self):
        program = self.cluster.edges[0].program
        first, second = self.others["chat.one.test"], self.others["two.test"]
        stays = await self.client(ssl=self.certificate.context())
        old = first.context()
        with open(second.key, encoding="ascii") as file:
            good = file.read()
        first.renew()
        with open(second.key, "w", encoding="ascii") as file:
            file.write("not a key\n")
        program.send_signal(signal.SIGHUP)
        line = await eventually(lambda: program.find("tls.load_failed"), "the bad key is refused")
        self.assertIn(second.key, line)
        await self.ask("chat.one.test", old)
        await self.ask("two.test", second.context())
        with open(second.key, "w", encoding="ascii") as file:
            file.write(good)
        program.send_signal(signal.SIGHUP)
        await eventually(lambda: program.find("tls.loaded.*certs=4"), "the new set is read")
        await self.ask("chat.one.test", first.context())
        await self.ask("two.test", second.context())
        await stays.ok("ping")


class Impatient(TlsCase):
    edges = 1
    router_options = ("--max-messages-per-second", "0")
    edge_options = ("--handshake-timeout", "3s", "--tls-min-version", "1.3")  # who is honest has the time

    async def test_a_tls_handshake_that_never_ends_is_ended(self):
        for beginning in b"", b"\x16\x03\x01\x02\x00\x01":
            raw = await Raw.open(self.cluster.edges[0].tls_port)
            await raw.send(beginning)
            self.assertEqual(await raw.rest(), b"")
            raw.end()
        await eventually(lambda: self.tls_metric("failures", 'reason="timeout"') >= 2, "both are counted")

    async def test_many_half_handshakes_hold_nobody_up_and_end(self):
        before = self.tls_metric("failures", 'reason="timeout"')
        neighbour = await self.secure()
        raws = [await Raw.open(self.cluster.edges[0].tls_port) for _ in range(300)]
        for raw in raws:
            await raw.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            await neighbour.ok("ping")
        self.assertEqual([await raw.rest() for raw in raws], [b""] * len(raws))
        await eventually(lambda: self.tls_metric("failures", 'reason="timeout"') >= before + 300,
                         "all are counted")
        for raw in raws:
            raw.end()

    async def test_a_version_that_is_too_old_is_refused(self):
        with self.assertRaises(ssl.SSLError):
            await Client.connect(self.cluster.edges[0], "x",
                                 ssl=self.certificate.context(VERSIONS["TLSv1.2"]))
        await self.secure(version=VERSIONS["TLSv1.3"])
        self.assertEqual(self.tls_metric("failures", 'reason="version"'), 1)


if __name__ == "__main__":
    unittest.main()
