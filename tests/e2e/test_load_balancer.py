"""Behind nginx and HAProxy from Debian: what they say about the client arrives, over plain and TLS."""

import asyncio
import unittest

from clients import TlsClusterCase
from cluster import HAPROXY, NGINX, Balancer

CLIENT = "127.0.0.7"  # not trusted, unlike the balancer at 127.0.0.1

NGINX_CONF = """
daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection upgrade;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_read_timeout 1h;
    server {{
        listen 127.0.0.1:{plain};
        location / {{ proxy_pass http://127.0.0.1:{edge}; }}
    }}
    server {{
        listen 127.0.0.1:{secure} ssl;
        ssl_certificate {cert};
        ssl_certificate_key {key};
        location / {{
            proxy_pass https://127.0.0.1:{edge_tls};
            proxy_ssl_verify on;
            proxy_ssl_trusted_certificate {cert};
            proxy_ssl_name localhost;
            proxy_ssl_session_reuse on;
        }}
    }}
}}
"""

HAPROXY_CONF = """
global
    maxconn 256
defaults
    timeout connect 5s
    timeout client 1h
    timeout server 1h
frontend plain
    bind 127.0.0.1:{plain}
    mode tcp
    default_backend edges
backend edges
    mode tcp
    server edge 127.0.0.1:{edge} send-proxy-v2 check check-send-proxy inter 100ms fall 1000
frontend secure
    bind 127.0.0.1:{secure}
    mode tcp
    default_backend edges_tls
backend edges_tls
    mode tcp
    server edge 127.0.0.1:{edge_tls} send-proxy-v2
frontend speaking_http
    bind 127.0.0.1:{http}
    mode http
    http-request set-header Forwarded "for=%[src]"
    http-request del-header X-Forwarded-For
    default_backend edges_http
backend edges_http
    mode http
    server edge 127.0.0.1:{edge_tls} send-proxy-v2 ssl verify required ca-file {cert} alpn http/1.1
"""


class BalancerCase(TlsClusterCase):
    edges = 1

    async def asyncTearDown(self):
        await super().asyncTearDown()
        self.balancer.close()

    async def through(self, url, **options):
        """A client at CLIENT through `url`: talks, and the router knows where it is."""
        room = self.new()
        client = await self.client(edge=url, local_addr=(CLIENT, 0), **options)
        direct = await self.client(edge=self.balancer_url, local_addr=(CLIENT, 0))
        await client.ok("join", room=room)
        await direct.ok("join", room=room)
        for n in range(20):
            await client.ok("room_message", room=room, payload="x" * 50000 + str(n))
        for n in range(20):
            await direct.expect("room_message", roomId=room, payload="x" * 50000 + str(n))
        conns = await asyncio.to_thread(self.cluster.ctl, "conns", "--user", client.user)
        await client.close()
        self.assertEqual(client.socket.close_code, 1000)
        return [c["address"] for c in conns["connections"]]

    @property
    def balancer_url(self):
        return "ws://127.0.0.1:%d/ws" % self.balancer.ports["plain"]

    @property
    def secure_url(self):
        return "wss://127.0.0.1:%d/ws" % self.balancer.ports["secure"]


@unittest.skipUnless(NGINX, "nginx is not installed (Debian: nginx-light)")
class Nginx(BalancerCase):
    router_options = ("--max-messages-per-second", "0", "--max-bytes-per-second", "0")
    edge_options = ("--trusted-proxies", "127.0.0.1", "--heartbeat-interval", "100ms")

    async def asyncSetUp(self):
        await super().asyncSetUp()
        edge = self.cluster.edges[0]
        self.balancer = await asyncio.to_thread(
            Balancer, NGINX, NGINX_CONF, edge=edge.port, edge_tls=edge.tls_port,
            cert=self.certificate.cert, key=self.certificate.key)

    async def test_the_client_is_known_and_talks_over_plain_http(self):
        self.assertEqual(await self.through(self.balancer_url), [CLIENT])

    async def test_the_client_is_known_and_talks_over_tls_on_both_sides(self):
        self.assertEqual(
            await self.through(self.secure_url, ssl=self.certificate.context()), [CLIENT])

    async def test_what_the_client_invents_is_not_believed(self):
        for more in {"X-Forwarded-For": "1.1.1.1"}, {"X-Forwarded-For": "unknown"}:
            self.assertEqual(await self.through(self.balancer_url, extra_headers=more), [CLIENT])
        # nginx passes it on as it came; the two headers contradict each other.
        forged = {"Forwarded": "for=1.1.1.1"}
        self.assertEqual(await self.through(self.balancer_url, extra_headers=forged), ["127.0.0.1"])


@unittest.skipUnless(HAPROXY, "haproxy is not installed")
class Haproxy(BalancerCase):
    router_options = ("--max-messages-per-second", "0", "--max-bytes-per-second", "0")
    edge_options = ("--trusted-proxies", "127.0.0.1", "--proxy-protocol", "v2",
                    "--heartbeat-interval", "100ms")

    async def asyncSetUp(self):
        await super().asyncSetUp()
        edge = self.cluster.edges[0]
        self.balancer = await asyncio.to_thread(
            Balancer, HAPROXY, HAPROXY_CONF, edge=edge.port, edge_tls=edge.tls_port,
            cert=self.certificate.cert)

    async def test_proxy_v2_in_front_of_plain_bytes(self):
        self.assertEqual(await self.through(self.balancer_url), [CLIENT])

    async def test_proxy_v2_in_front_of_tls_that_ends_at_the_edge(self):
        self.assertEqual(
            await self.through(self.secure_url, ssl=self.certificate.context()), [CLIENT])

    async def test_http_over_tls_to_the_edge_with_both_proxy_v2_and_forwarded(self):
        url = "ws://127.0.0.1:%d/ws" % self.balancer.ports["http"]
        self.assertEqual(await self.through(url), [CLIENT])


if __name__ == "__main__":
    unittest.main()
