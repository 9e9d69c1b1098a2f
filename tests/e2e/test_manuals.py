"""Manual pages and completion: made from the tables, good for the programs that read them."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from cluster import BIN

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

PAGES = (("splitrail-edge", "8"), ("splitrail-router", "8"), ("splitrailctl", "1"),
         ("splitrail-bench", "1"))


def output(*args):
    return subprocess.run([os.path.join(BIN, args[0]), *args[1:]], capture_output=True, text=True,
                          timeout=30, check=True).stdout


class Manuals(unittest.TestCase):
    def test_every_option_and_command_is_in_the_page(self):
        for program, _ in PAGES:
            with self.subTest(program=program):
                page = output(program, "--help-man").replace("\\-", "-")
                flags = set(re.findall(r"(?m)^  (--[a-z0-9-]+)", output(program, "--help")))
                self.assertGreater(len(flags), 5)
                missing = [f for f in flags - {"--help", "--version", "--config"}
                           if ("\\fB%s\\fR" % f) not in page]
                self.assertEqual(missing, [])
        page = output("splitrailctl", "--help-man")
        self.assertIn("\\fBpresence user\\fR \\fIUSER...\\fR", page)

    @unittest.skipUnless(shutil.which("groff"), "no groff")
    def test_troff_has_nothing_to_say_about_the_pages(self):
        for program, section in PAGES:
            with self.subTest(program=program):
                page = output(program, "--help-man")
                done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-Kutf8", "-rLL=100n"],
                                      input=page, capture_output=True, text=True, timeout=30)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                plain = re.sub("\033\\[[0-9;]*m|.\b", "", done.stdout)
                self.assertIn("%s(%s)" % (program.upper(), section), plain)
                for title in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS",
                              "SEE ALSO"):
                    self.assertIn(title, plain.splitlines())

    @unittest.skipUnless(shutil.which("man"), "no man")
    def test_man_shows_the_pages(self):
        with tempfile.TemporaryDirectory() as folder:
            for program, section in PAGES:
                path = os.path.join(folder, "%s.%s" % (program, section))
                with open(path, "w", encoding="utf-8") as file:
                    file.write(output(program, "--help-man"))
                done = subprocess.run(["man", "--warnings=w", "-l", path], capture_output=True,
                                      text=True, timeout=60,
                                      env=dict(os.environ, MANPAGER="cat", MANWIDTH="120",
                                               LC_ALL="C.UTF-8"))
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn(program, done.stdout)

    @unittest.skipUnless(shutil.which("mandoc"), "no mandoc")
    def test_mandoc_finds_no_errors(self):
        for program, _ in PAGES:
            done = subprocess.run(["mandoc", "-Tlint", "-Werror"], input=output(program, "--help-man"),
                                  capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, 0, done.stdout)


class Plan(unittest.TestCase):
    def test_plan_tells_what_a_load_needs(self):
        text = output("splitrailctl", "plan", "--connections", "1000000")
        self.assertRegex(text, r"edges, for their connections +20\n")
        self.assertIn("edge_connection", text)
        more = json.loads(output("splitrailctl", "--json", "plan", "--connections", "1000000",
                                 "--edge-connections", "100000", "--payload", "1KiB"))
        self.assertEqual((more["edges"], more["edgeConnections"]), (10, 100000))

    def test_plan_counts_with_what_the_page_on_tuning_says_was_measured(self):
        counted = json.loads(output("splitrailctl", "--json", "plan"))["constants"]
        with open(os.path.join(ROOT, "docs", "TUNING.md"), encoding="utf-8") as page:
            rows = {row[0]: row for row in (
                [cell.strip() for cell in line.split("|")[1:-1]] for line in page
                if line.startswith("|")) if len(row) == 4}
        edge, router = (int(cell) for cell in rows["plain"][2:])
        self.assertEqual((counted["edge_connection"], counted["router_connection"]), (edge, router))
        self.assertEqual(counted["edge_tls"], int(rows["TLS 1.3"][2]) - edge)
        ten = rows["plain, in ten rooms of ten"]
        self.assertAlmostEqual(counted["edge_member"], (int(ten[2]) - edge) / 10, delta=15)
        self.assertAlmostEqual(counted["router_member"], (int(ten[3]) - router) / 10, delta=20)


class Completion(unittest.TestCase):
    def complete(self, *words):
        """What bash offers for the last word."""
        script = output("splitrailctl", "completion", "bash")
        quoted = " ".join("'%s'" % word for word in words)
        script += ("COMP_WORDS=(splitrailctl %s)\nCOMP_CWORD=%d\n_splitrailctl\n"
                   "printf '%%s\\n' \"${COMPREPLY[@]}\"\n" % (quoted, len(words)))
        path = BIN + os.pathsep + os.environ["PATH"]
        done = subprocess.run(["bash", "--norc"], input=script, capture_output=True, text=True,
                              timeout=30, env=dict(os.environ, PATH=path))
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_bash_completes_commands_flags_and_second_words(self):
        rows = [
            (("pres",), ["presence"]),
            (("presence", ""), ["user", "room"]),
            (("--json", "--timeout", "3s", "ban", "u"), ["user"]),
            (("tail", ""), ["room"]),
            (("completion", ""), ["bash", "zsh"]),
            (("--router", ""), []),
            (("users", "--pre"), ["--prefix"]),
            (("room", ""), []),
        ]
        for words, expected in rows:
            with self.subTest(words=words):
                self.assertEqual(self.complete(*words), expected)
        self.assertIn("explain", self.complete(""))
        self.assertIn("top", self.complete("--json", "t"))

    def test_every_command_is_offered(self):
        offered = set(self.complete(""))
        commands = re.findall(r"(?m)^  ([a-z]+)", output("splitrailctl", "--help").split("Flags")[0])
        self.assertEqual(set(commands) - offered, set())

    def test_another_shell_is_refused(self):
        done = subprocess.run([os.path.join(BIN, "splitrailctl"), "completion", "fish"],
                              capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 1)
        self.assertIn("bash and zsh", done.stderr)

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh_can_read_its_script(self):
        done = subprocess.run(["zsh", "-n"], input=output("splitrailctl", "completion", "zsh"),
                              capture_output=True, text=True, timeout=30)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
