"""Every numbered conformance case over every way to an edge: ws and wss, and nginx and HAProxy in
front of either. SPLITRAIL_CONFORMANCE=all runs each case at its full size and number of messages."""

import os
import unittest

import conformance_cases
from bare import MIB, EchoEdge, Peer
from cluster import HAPROXY, NGINX, Balancer, Certificate

ALL = os.environ.get("SPLITRAIL_CONFORMANCE") == "all"

NGINX_CONF = """
daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log stderr crit;
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
    proxy_read_timeout 1h;
    ssl_certificate {cert};
    ssl_certificate_key {key};
    server {{
        listen 127.0.0.1:{plain};
        listen 127.0.0.1:{secure} ssl;
        location / {{ proxy_pass http://127.0.0.1:{edge}; }}
    }}
}}
"""

HAPROXY_CONF = """
global
    maxconn 256
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
frontend all
    bind 127.0.0.1:{plain}
    bind 127.0.0.1:{secure} ssl crt {pem} alpn http/1.1
    default_backend edge
backend edge
    server edge 127.0.0.1:{edge}
"""


class Way:
    """Where to connect, and how much of the cases that repeat themselves is done there."""

    def __init__(self, port, context, direct):
        self.port, self.context = port, context
        self.largest = 16 * MIB if ALL else MIB if direct else MIB // 4
        self.rounds = 1000 if ALL else 20
        self.packed = 1000 if ALL else 2

    def peer(self, **named):
        return Peer(self.port, context=self.context, **named)


class WayCase(unittest.TestCase):
    """A class for each kind of way; `secure` is the side of the client."""

    command = conf = None

    @classmethod
    def setUpClass(cls):
        cls.certificate = Certificate()
        cls.edge = EchoEdge("--compression", "on", "--compression-min", "0B", certificate=cls.certificate)
        cls.ports = {"plain": cls.edge.port, "secure": cls.edge.tls_port}
        if cls.command:
            cls.balancer = Balancer(cls.command, cls.conf, edge=cls.edge.port, cert=cls.certificate.cert,
                                    key=cls.certificate.key, pem=cls.certificate.both())
            cls.ports = cls.balancer.ports
        context = cls.certificate.context()
        cls.ways = {"ws": Way(cls.ports["plain"], None, not cls.command),
                    "wss": Way(cls.ports["secure"], context, not cls.command)}

    @classmethod
    def tearDownClass(cls):
        if cls.command:
            cls.balancer.close()
        trouble = cls.edge.finish()
        cls.certificate.remove()
        assert trouble is None, trouble


class Direct(WayCase):
    """The client meets the edge."""


@unittest.skipUnless(NGINX, "nginx is not installed (Debian: nginx-light)")
class BehindNginx(WayCase):
    command = NGINX
    conf = NGINX_CONF


@unittest.skipUnless(HAPROXY, "haproxy is not installed")
class BehindHaproxy(WayCase):
    command = HAPROXY
    conf = HAPROXY_CONF


class Numbers(unittest.TestCase):
    def test_no_case_is_missing(self):
        numbers = [number for number, _ in conformance_cases.cases]
        self.assertEqual(len(set(numbers)), 517)
        for name, count in conformance_cases.COUNTS.items():
            self.assertEqual(len(conformance_cases.of_family(name)), count, name)


def sentence(scheme, name):
    def test(self):
        for number, run in conformance_cases.of_family(name):
            with self.subTest(number):
                run(self.ways[scheme])
    return test


for each in Direct, BehindNginx, BehindHaproxy:
    for scheme in "ws", "wss":
        for name in conformance_cases.TITLES:
            setattr(each, "test_%s_family_%s_passes" % (scheme, name.zfill(2)), sentence(scheme, name))


if __name__ == "__main__":
    unittest.main()
