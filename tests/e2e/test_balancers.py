"""The load balancer configurations of packaging/, started as they are but for addresses, in front of two
edges: who the client is, the routing token, and an edge that is taken out under traffic."""

import asyncio
import os
import signal
import unittest

from clients import Client, FreshClusterCase, TlsClusterCase
from cluster import HAPROXY, NGINX, Balancer

PACKAGING = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "packaging")
CLIENT = "127.0.0.7"  # not trusted, unlike the balancer at 127.0.0.1

NGINX_AROUND = """
daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
%s
}}
"""


def packaged(path, edge_ports):
    """The file's text for Balancer, with our addresses in place of its own."""
    with open(os.path.join(PACKAGING, path), encoding="utf-8") as file:
        text = file.read()
    text = text.encode("ascii", "replace").decode().replace("{", "{{").replace("}", "}}")
    for number, port in enumerate(edge_ports, 1):
        for old in 8080, 8443:
            text = text.replace("10.0.0.1%d:%d" % (number, old), "127.0.0.1:%d" % port)
    for old, new in (("bind :8080", "bind 127.0.0.1:{plain}"), ("bind :8443\n", "bind 127.0.0.1:{plain}\n"),
                     ("listen 8080", "listen 127.0.0.1:{plain}"), ("/var/log/nginx", "{dir}"),
                     ("maxconn 200000", "maxconn 256")):
        text = text.replace(old, new)
    return text


class Cases:
    """What every balancer that speaks HTTP must do."""
    edge_options = ("--trusted-proxies", "127.0.0.1", "--drain-timeout", "10s", "--reconnect-delay", "1s")

    async def asyncSetUp(self):
        await super().asyncSetUp()
        conf = packaged(self.path, [edge.port for edge in self.cluster.edges])
        conf = self.around % conf if self.around else conf
        self.balancer = await asyncio.to_thread(Balancer, self.start, conf)
        self.url = "ws://127.0.0.1:%d/ws" % self.balancer.ports["plain"]

    async def asyncTearDown(self):
        try:
            await super().asyncTearDown()
        finally:
            self.balancer.close()

    async def through(self, path="", **options):
        client = await Client.connect(self.url, self.new("user"), path, local_addr=(CLIENT, 0), **options)
        client.edge = client.welcome["serverId"]
        self.clients.append(client)
        return client

    async def addresses(self, client):
        conns = await asyncio.to_thread(self.cluster.ctl, "conns", "--user", client.user)
        return [c["address"] for c in conns["connections"]]

    async def test_the_client_is_known_whatever_it_says_of_itself(self):
        for more in ({}, {"X-Forwarded-For": "192.0.2.1"}, {"Forwarded": "for=192.0.2.1"}):
            client = await self.through(extra_headers=more)
            self.assertEqual(await self.addresses(client), [CLIENT])

    async def test_clients_are_spread_and_a_routing_token_leads_back(self):
        clients = [await self.through() for _ in range(8)]
        self.assertEqual(len({c.edge for c in clients}), 2)
        for client in clients:
            token = (await client.expect("routing_token"))["token"]
            again = await self.through("?routing=" + token)
            self.assertEqual(again.edge, client.edge)
        await self.through("?routing=no-such-edge")

    async def test_an_edge_is_taken_out_and_nobody_is_refused(self):
        clients = [await self.through() for _ in range(8)]
        for client in clients:
            await client.ok("join", room="drain")
        leaving = self.cluster.edges[0]
        gone = [c for c in clients if c.edge == leaving.id]
        stayed = [c for c in clients if c.edge != leaving.id]
        self.assertTrue(gone and stayed)
        leaving.program.may_die = True
        leaving.program.send_signal(signal.SIGTERM)
        for client in gone:
            await client.expect("server_shutdown")
            newcomer = await self.through("?routing=" + leaving.id)
            self.assertEqual(newcomer.edge, stayed[0].edge)
            self.assertEqual((await client.closed())[0], 1012)
        self.assertEqual(await asyncio.to_thread(leaving.program.wait), 0)
        for _ in range(4):
            self.assertEqual((await self.through()).edge, stayed[0].edge)
        for client in stayed:
            self.assertFalse(client.ended)
            await client.ok("ping")


@unittest.skipUnless(HAPROXY, "haproxy is not installed")
class Haproxy(Cases, FreshClusterCase):
    start, path, around = HAPROXY, "haproxy/haproxy.cfg", None


@unittest.skipUnless(NGINX, "nginx is not installed (Debian: nginx-light)")
class Nginx(Cases, FreshClusterCase):
    start, path, around = NGINX, "nginx/splitrail.conf", NGINX_AROUND


@unittest.skipUnless(HAPROXY, "haproxy is not installed")
class HaproxyBytes(TlsClusterCase):
    edge_options = ("--trusted-proxies", "127.0.0.1", "--proxy-protocol", "v2")

    async def test_the_client_is_known_over_tls_that_ends_at_the_edge(self):
        conf = packaged("haproxy/haproxy-tcp.cfg", [edge.tls_port for edge in self.cluster.edges])
        balancer = await asyncio.to_thread(Balancer, HAPROXY, conf)
        try:
            url = "wss://127.0.0.1:%d/ws" % balancer.ports["plain"]
            edges = set()
            for _ in range(3):
                client = await Client.connect(url, self.new("user"), local_addr=(CLIENT, 0),
                                              ssl=self.certificate.context())
                self.clients.append(client)
                edges.add(client.welcome["serverId"])
                conns = await asyncio.to_thread(self.cluster.ctl, "conns", "--user", client.user)
                self.assertEqual([c["address"] for c in conns["connections"]], [CLIENT])
            self.assertEqual(len(edges), 1)
        finally:
            balancer.close()


if __name__ == "__main__":
    unittest.main()
