"""The PROXY protocol, version 2: the client's address comes before the client's bytes."""

import asyncio
import socket
import ssl
import struct
import unittest

from clients import Raw, TlsClusterCase, frame, handshake
from cluster import eventually

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def header(source, tlvs=b""):
    """PROXY for a TCP client at `source`."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    packed = socket.inet_pton(family, source)
    block = packed + packed + struct.pack(">HH", 4711, 80) + tlvs
    kind = 0x21 if family == socket.AF_INET6 else 0x11
    return SIGNATURE + struct.pack(">BBH", 0x21, kind, len(block)) + block


LOCAL = SIGNATURE + b"\x20\x00\x00\x00"


class ProxyCase(TlsClusterCase):
    edges = 1
    edge_options = ("--proxy-protocol", "v2")

    @property
    def edge(self):
        return self.cluster.edges[0]

    async def upgraded(self, before, token=None, more=""):
        """A raw client behind a load balancer that says `before`; (raw, head of the answer)."""
        raw = await Raw.open(self.edge.port)
        await raw.send(before + handshake("/ws?token=" + (token or self.new("u")), more=more))
        return raw, await raw.head()

    async def address_of(self, raw, token):
        """What the router was told."""
        await raw.next_frame()  # welcome
        conns = await asyncio.to_thread(self.cluster.ctl, "conns", "--user", "user_" + token)
        return [c["address"] for c in conns["connections"]]

    async def ended(self, data, port=None):
        raw = await Raw.open(port or self.edge.port)
        await raw.send(data)
        self.assertEqual(await raw.rest(), b"")
        raw.end()

    def refused(self, reason="proxy"):
        return self.edge.metrics()['splitrail_edge_refused_total{reason="%s"}' % reason]


class ProxyProtocol(ProxyCase):
    async def test_the_address_in_the_header_is_the_clients(self):
        for source in "198.51.100.7", "2001:db8::7":
            token = self.new("u")
            raw, head = await self.upgraded(header(source), token)
            self.assertIn(b" 101 ", head)
            self.assertEqual(await self.address_of(raw, token), [source])
            raw.end()

    async def test_a_check_of_the_load_balancer_itself_passes(self):
        raw = await Raw.open(self.edge.port)
        await raw.send(LOCAL + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue((await raw.rest()).startswith(b"HTTP/1.1 200 "))
        raw.end()
        token = self.new("u")
        raw, _ = await self.upgraded(LOCAL, token)
        self.assertEqual(await self.address_of(raw, token), ["127.0.0.1"])
        raw.end()

    async def test_a_header_in_single_bytes_and_with_unknown_parts_passes(self):
        token = self.new("u")
        raw = await Raw.open(self.edge.port)
        for byte in header("198.51.100.9", b"\x04\x00\x03abc\xee\x00\x00"):
            await raw.send(bytes([byte]))
            await asyncio.sleep(0.001)
        await raw.send(handshake("/ws?token=" + token))
        self.assertIn(b" 101 ", await raw.head())
        self.assertEqual(await self.address_of(raw, token), ["198.51.100.9"])
        raw.end()

    async def test_it_comes_before_tls(self):
        token = self.new("u")

        def connect(whole):
            plain = socket.create_connection(("127.0.0.1", self.edge.tls_port), 30)
            for piece in [header("198.51.100.8")] if whole else header("198.51.100.8"):
                plain.sendall(piece if whole else bytes([piece]))
            context = self.certificate.context()
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                secure.sendall(handshake("/ws?token=" + token) + frame(1, b'{"type":"ping","id":7}'))
                heard = b""
                while b'"id":7' not in heard:
                    heard += secure.recv(4096)
                conns = self.cluster.ctl("conns", "--user", "user_" + token)
                return [c["address"] for c in conns["connections"]]
        self.assertEqual(await asyncio.to_thread(connect, True), ["198.51.100.8"])
        token = self.new("u")
        self.assertEqual(await asyncio.to_thread(connect, False), ["198.51.100.8"])

    async def test_whoever_does_not_begin_with_it_is_cut_off(self):
        before = self.refused()
        await self.ended(handshake())
        await self.ended(b"PROXY TCP4 198.51.100.7 127.0.0.1 4711 80\r\n" + handshake())
        await self.ended(SIGNATURE + b"\x31\x11\x00\x0c" + bytes(12))
        await self.ended(SIGNATURE + b"\x21\x11\xff\xff" + bytes(100))
        await self.ended(b"\x16\x03\x01\x02\x00", self.edge.tls_port)
        await eventually(lambda: self.refused() == before + 5, "all are counted")
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            await self.client(ssl=self.certificate.context())


class Limited(ProxyCase):
    edge_options = ("--proxy-protocol", "v2", "--max-connections-per-ip", "2",
                    "--handshake-timeout", "3s")

    async def test_the_limit_per_address_counts_clients_not_the_load_balancer(self):
        raws = [(await self.upgraded(header("198.51.100.%d" % n)))[0] for n in range(5)]
        raws.append((await self.upgraded(header("198.51.100.0")))[0])
        before = self.refused("per_ip")
        await self.ended(header("198.51.100.0") + handshake())
        await eventually(lambda: self.refused("per_ip") == before + 1, "it is counted")
        for raw in raws:
            raw.end()

    async def test_a_header_that_never_ends_is_ended(self):
        await self.ended(header("198.51.100.7")[:20])
        await self.ended(b"")


class Strangers(ProxyCase):
    edge_options = ("--proxy-protocol", "v2", "--trusted-proxies", "10.0.0.0/8,127.0.0.2")

    async def test_only_trusted_proxies_may_speak_for_others(self):
        before = self.refused()
        await self.ended(header("198.51.100.7") + handshake())
        await eventually(lambda: self.refused() == before + 1, "it is counted")

    async def test_behind_the_first_proxy_another_may_tell_the_client(self):
        for more, address in [("", "10.1.1.1"),
                              ("X-Forwarded-For: 203.0.113.5\r\n", "203.0.113.5"),
                              ("Forwarded: for=203.0.113.6\r\n", "203.0.113.6"),
                              ("Forwarded: for=1.1.1.1\r\nX-Forwarded-For: 203.0.113.5\r\n",
                               "10.1.1.1")]:
            token = self.new("u")
            plug = socket.socket()
            plug.bind(("127.0.0.2", 0))
            plug.setblocking(False)
            await asyncio.get_running_loop().sock_connect(plug, ("127.0.0.1", self.edge.port))
            raw = Raw(*await asyncio.open_connection(sock=plug))
            await raw.send(header("10.1.1.1") + handshake("/ws?token=" + token, more=more))
            self.assertIn(b" 101 ", await raw.head())
            self.assertEqual(await self.address_of(raw, token), [address])
            raw.end()


if __name__ == "__main__":
    unittest.main()
