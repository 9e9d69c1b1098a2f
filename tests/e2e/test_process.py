"""What the daemons give up: root, new privileges, system calls. As root only, apart from what everybody
can see."""

import glob
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import unittest

from clients import Client, ClusterCase
from cluster import BIN, Certificate, Cluster, eventually, http_get

USER = "nobody"
ROOT = os.geteuid() == 0


def threads(pid):
    """The status of every thread, as a dictionary each."""
    found = []
    for path in glob.glob("/proc/%d/task/*/status" % pid):
        with open(path, encoding="utf-8") as file:
            found.append(dict(line.rstrip("\n").split(":", 1) for line in file if ":" in line))
    return found


def open_folder():
    """A folder that other users may go through."""
    path = tempfile.mkdtemp(prefix="splitrail-process-")
    os.chmod(path, 0o755)
    return path


class Everybody(ClusterCase):
    async def test_no_thread_can_get_new_privileges_and_all_are_filtered(self):
        for program in self.programs():
            filtered = not program.find("seccomp=\"none in this build\"")
            found = threads(program.pid)
            self.assertGreater(len(found), 1)
            for thread in found:
                self.assertEqual(thread["NoNewPrivs"].strip(), "1", program.name)
                self.assertEqual(thread["Seccomp"].strip(), "2" if filtered else "0", thread["Name"])

    async def test_root_without_a_user_warns_once(self):
        for program in self.programs():
            warned = [line for line in program.lines if "process.root" in line]
            self.assertEqual(len(warned), 1 if ROOT else 0, program.output)

    async def test_memory_is_not_for_others(self):
        for program in self.programs():
            if program.find("none in this build"):
                self.skipTest("a sanitizer's build stays open to its tools")
            # Who is not dumpable leaves no core, and its files in /proc are root's.
            self.assertEqual(os.stat("/proc/%d/mem" % program.pid).st_uid, 0)

    def programs(self):
        return [self.cluster.router, *(edge.program for edge in self.cluster.edges)]


@unittest.skipUnless(ROOT, "only root has something to give up")
class Dropped(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.user = pwd.getpwnam(USER)
        self.folder = open_folder()
        self.data = os.path.join(self.folder, "data")
        self.addCleanup(shutil.rmtree, self.folder)

    def start(self, *router_options, edge_options=(), **more):
        cluster = Cluster(1, router_options=["--user", USER, "--data-dir", self.data, *router_options],
                          edge_options=["--user", USER, *edge_options], **more)
        self.addCleanup(cluster.close)
        return cluster

    async def test_every_thread_is_the_user_without_capabilities(self):
        cluster = self.start()
        for program in (cluster.router, cluster.edges[0].program):
            for thread in threads(program.pid):
                self.assertEqual(thread["Uid"].split(), [str(self.user.pw_uid)] * 4, thread["Name"])
                self.assertEqual(thread["Gid"].split(), [str(self.user.pw_gid)] * 4, thread["Name"])
                self.assertNotIn("0", thread["Groups"].split())
                for capabilities in "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb":
                    self.assertEqual(int(thread[capabilities], 16), 0, capabilities)
            self.assertIsNone(program.find("process.root"))

    async def test_messages_are_stored_in_a_directory_that_was_given_away(self):
        cluster = self.start("--history-messages", "10")
        for life in 1, 2:
            alice = await Client.connect(cluster.edges[0], "user_alice")
            await alice.close()
            for name in os.listdir(self.data):
                found = os.stat(os.path.join(self.data, name))
                self.assertEqual(found.st_uid, self.user.pw_uid, name)
                self.assertEqual(stat.S_IMODE(found.st_mode) & 0o077, 0, name)
            if life == 1:
                cluster.router.finish()
                cluster.start_router()
                await cluster.ready()

    async def test_data_of_an_earlier_life_as_root_is_taken_along(self):
        cluster = Cluster(1, router_options=["--data-dir", self.data])
        cluster.close()
        self.assertEqual(os.stat(self.data).st_uid, 0)
        cluster = self.start()
        self.assertEqual(os.stat(os.path.join(self.data, "splitrail.db")).st_uid, self.user.pw_uid)

    async def test_a_directory_with_files_of_others_is_left_alone(self):
        os.mkdir(self.data)
        other = os.path.join(self.data, "other")
        with open(other, "w", encoding="ascii"):
            pass
        done = subprocess.run(
            [os.path.join(BIN, "splitrail-router"), "--auth", "insecure", "--user", USER, "--data-dir",
             self.data], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "process.failed.*not ours")
        self.assertEqual(os.stat(self.data).st_uid, 0)
        self.assertEqual(os.stat(other).st_uid, 0)

    async def test_a_user_that_is_not_there_or_is_root_is_refused(self):
        for program in "splitrail-router", "splitrail-edge":
            for user in "no-such-user", "root":
                done = subprocess.run([os.path.join(BIN, program), "--user", user] + (
                    ["--auth", "insecure"] if program == "splitrail-router" else []),
                    capture_output=True, text=True, timeout=30)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(user, done.stderr)

    async def test_keys_for_root_alone_are_read_at_the_start_and_refused_with_a_reason_later(self):
        key = os.path.join(self.folder, "secret")
        with open(key, "w", encoding="ascii") as file:
            file.write("0123456789abcdef" * 2)
        os.chmod(key, 0o600)
        certificate = Certificate()
        os.chmod(certificate.dir, 0o700)
        self.addCleanup(certificate.remove)
        cluster = self.start("--jwt-hs256-file", key, auth="jwt", tls=certificate)
        edge = cluster.edges[0].program
        self.assertTrue(cluster.router.find("process.unreadable.*" + key))
        self.assertTrue(edge.find("process.unreadable.*" + certificate.key))
        for program, event in (cluster.router, "reload.failed"), (edge, "tls.load_failed"):
            program.send_signal(signal.SIGHUP)
            line = await eventually(lambda p=program, e=event: p.find(e), event)
            self.assertRegex(line, "(?i)permission denied")
        self.assertEqual(http_get(cluster.edges[0].http_port, "/ready")[0], 200)
        os.chown(key, self.user.pw_uid, -1)
        cluster.router.send_signal(signal.SIGHUP)
        await eventually(lambda: cluster.router.find("token keys read again"), "readable keys")

    async def test_the_admin_socket_is_the_users_and_goes_with_the_router(self):
        os.environ["RUNTIME_DIRECTORY"] = self.folder
        self.addCleanup(os.environ.pop, "RUNTIME_DIRECTORY")
        path = os.path.join(self.folder, "splitrail", "router.sock")
        cluster = self.start("--admin-bind", "ipc://" + path)
        self.assertEqual(os.stat(path).st_uid, self.user.pw_uid)
        self.assertEqual(os.stat(os.path.dirname(path)).st_uid, self.user.pw_uid)
        self.assertEqual(cluster.ctl_raw("stats")[0], 0)
        self.assertIsNone(cluster.router.finish())
        self.assertFalse(os.path.exists(path))


class Secrets(ClusterCase):
    """At log level debug, with everything that can go wrong with a token: no line shows it, or what was
    said."""

    router_options = ("--log-level", "debug")
    edge_options = ("--log-level", "debug")
    SECRET = "never-to-be-seen"

    async def test_no_log_line_shows_a_token_a_query_or_a_payload(self):
        edge = self.cluster.edges[0]
        good = await Client.connect(edge, self.SECRET)
        for line in self.raw_openings():
            with socket.create_connection(("127.0.0.1", edge.port), 5) as client:
                client.sendall(line)
                client.shutdown(socket.SHUT_WR)
                try:
                    while client.recv(65536):
                        pass
                except ConnectionResetError:
                    pass
        for port in edge.http_port, self.cluster.http_port:
            http_get(port, "/metrics?token=" + self.SECRET)
            http_get(port, "/nothing?token=" + self.SECRET)
        await good.socket.send('{"type":"' + self.SECRET)
        await good.socket.send('{"type":"join_room","room":"%s"}' % ("x" * 5000 + self.SECRET))
        await good.close()
        await self.refused_tokens()
        for program in self.cluster.programs:
            self.assertIsNone(program.find(self.SECRET), program.output)

    def raw_openings(self):
        """Openings that are refused, each with the secret somewhere."""
        get = "GET /ws?token=%s HTTP/1.1\r\nHost: x\r\n" % self.SECRET
        upgrade = "Upgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n"
        key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        for text in (
                get + "Connection: close\r\n\r\n",
                get.replace("/ws", "/other") + upgrade + key + "\r\n",
                get.replace("HTTP/1.1", "HTTP/9.9") + "\r\n",
                get.replace("/ws?", "/ws?token=a&") + upgrade + key + "\r\n",
                get + upgrade + "Sec-WebSocket-Key: " + self.SECRET + "\r\n\r\n",
                get + upgrade + key + "Authorization: Bearer " + self.SECRET + " " + self.SECRET +
                "\r\nBad header: " + self.SECRET + "\r\n\r\n",
                get + upgrade + key + "Origin: http://" + self.SECRET + "\r\nX: " + "y" * 70000 +
                "\r\n\r\n",
                self.SECRET + "\r\n\r\n",
        ):
            yield text.encode()

    async def refused_tokens(self):
        """The same with tokens that are checked."""
        folder = open_folder()
        self.addCleanup(shutil.rmtree, folder)
        key = os.path.join(folder, "secret")
        with open(key, "w", encoding="ascii") as file:
            file.write("0123456789abcdef" * 2)
        cluster = Cluster(1, router_options=["--jwt-hs256-file", key, "--log-level", "debug"],
                          edge_options=["--log-level", "debug"], auth="jwt")
        try:
            for token in self.SECRET, self.SECRET + "." + self.SECRET + ".x", "eyJhbGciOiJub25lIn0.e30." + \
                    self.SECRET:
                client = await Client.connect(cluster.edges[0], token, welcome=False)
                await client.socket.wait_closed()
                self.assertEqual(client.socket.close_code, 4001)
            self.assertTrue(cluster.router.find("auth.failed"))
            for program in cluster.programs:
                self.assertIsNone(program.find(self.SECRET), program.output)
        finally:
            cluster.close()


class Supervisor(unittest.IsolatedAsyncioTestCase):
    async def test_a_supervisor_hears_when_it_is_ready_and_when_it_stops(self):
        folder = open_folder()
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
            supervisor.bind(path)
            supervisor.settimeout(30)
            os.environ["NOTIFY_SOCKET"] = path
            try:
                cluster = Cluster(0)
            finally:
                del os.environ["NOTIFY_SOCKET"]
            self.assertEqual(supervisor.recv(64), b"READY=1")
            cluster.close()
            self.assertEqual(supervisor.recv(64), b"STOPPING=1")


if __name__ == "__main__":
    unittest.main()
