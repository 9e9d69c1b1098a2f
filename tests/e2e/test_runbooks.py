"""The commands that documents tell operators to type: all of splitrailctl can be parsed, and those of the
runbooks show what they are for."""

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

from clients import FreshClusterCase
from cluster import BIN, http_get

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCS = ("RUNBOOKS.md", "TASKS.md", "TROUBLESHOOTING.md", "OPERATIONS.md", "CONTAINERS.md", "TUNING.md")
LEAST = {"RUNBOOKS.md": 15, "TASKS.md": 10, "TROUBLESHOOTING.md": 6, "OPERATIONS.md": 20}
WRONG = 1  # splitrailctl's exit code for a command line that is none


def read(name):
    with open(os.path.join(ROOT, "docs", name), encoding="utf-8") as page:
        return page.read()


def blocks(text):
    """Commands of code, fenced or indented, those with a backslash at the end joined. Where some lines
    have a prompt the others are output."""
    groups, fenced = [[]], False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
            groups.append([])
        elif fenced or line.startswith("    "):
            groups[-1].append(line.strip())
        else:
            groups.append([])
    lines = []
    for group in groups:
        code = re.sub(r"\\\n\s*", " ", "\n".join(group)).splitlines()
        prompted = [line[2:] for line in code if line.startswith("$ ")]
        lines += prompted or code
    return lines


def spans(text):
    """Code inside of sentences; it may go over the end of a line."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


def command_lines(code):
    """The words behind splitrailctl of each call in a line of code."""
    found = []
    for call in re.split(r"[;|]|&&|\$ ", re.sub(r"\$\([^)]*\)", "x", code)):
        match = re.search(r"(?:^|\s|\()splitrailctl(?: +(.*))?$", call.strip().rstrip(")"))
        if match and not re.search(r"\b(install|cp|man|splitrailctl/)\b", call):
            words = re.split(r"\s[<>#]|<|>", match.group(1) or "")[0]
            found.append([w for w in shlex.split(words) if w != "…"])
    return found


class Parsed(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="splitrail-docs-")
        self.addCleanup(shutil.rmtree, self.dir)
        for name in ("alice", "router"):
            self.call(["keygen", name])

    def call(self, words):
        """The exit code and what was said; None: it was understood, and goes on."""
        words = [os.path.join(self.dir, "none") if w.startswith("/") else w for w in words]
        try:
            done = subprocess.run([os.path.join(BIN, "splitrailctl"), *words], cwd=self.dir, text=True,
                                  capture_output=True, stdin=subprocess.DEVNULL, timeout=2,
                                  env={"SPLITRAIL_ROUTER": "ipc://%s/none" % self.dir,
                                       "SPLITRAIL_TIMEOUT": "10ms"})
            return done.returncode, done.stderr
        except subprocess.TimeoutExpired:
            return None, ""

    def check(self, page, words):
        if words[:1] != ["--timeout"] and words and "--router" not in words:
            words = ["--timeout", "10ms", *words]
        code, said = self.call(words)
        self.assertNotEqual(code, WRONG, "%s: splitrailctl %s: %s" % (page, " ".join(words), said))

    def test_every_command_of_splitrailctl_in_the_documents_can_be_parsed(self):
        for page in DOCS:
            text, seen = read(page), set()
            for code in blocks(text):
                for words in command_lines(code):
                    if tuple(words) not in seen and words:
                        seen.add(tuple(words))
                        self.check(page, words)
            for code in spans(text):
                for words in command_lines(code):
                    if tuple(words) not in seen and self.is_more_than_a_name(words):
                        seen.add(tuple(words))
                        self.check(page, words)
            self.assertGreaterEqual(len(seen), LEAST.get(page, 0), page)

    def is_more_than_a_name(self, words):
        """A sentence may name a command without what it needs, but only one that there is."""
        if not words:
            return False
        names = {" ".join(line.split()[:2]) for line in self.help().splitlines()}
        names |= {line.split()[0] for line in self.help().splitlines()}
        if " ".join(words) in names:
            return False
        return True

    def help(self):
        if not hasattr(self, "helped"):
            text = subprocess.run([os.path.join(BIN, "splitrailctl"), "--help"], text=True,
                                  capture_output=True, timeout=10).stdout
            self.helped = text[text.index("Commands\n") + 9:text.index("\n\nFlags")]
        return self.helped

    def test_a_wrong_command_line_would_be_found(self):
        for words in (["helth"], ["edges", "--srt", "x"], ["explain", "U"], ["edges", "--for", "1s"]):
            self.assertEqual(self.call(words)[0], WRONG, words)


# Programs of the runbooks that need more than a loopback: they are not run here.
OTHERS = {"systemctl", "journalctl", "top", "vmstat", "ss", "ping", "prlimit", "iostat", "pidstat", "df",
          "du", "cat", "ls", "date", "grep", "timeout"}
# What a log has besides the names of its events.
WORDS = {"Assertion", "stop"}


def expand(pattern):
    """Each alternative of a pattern by itself, so that none of them is there in vain."""
    group = re.search(r"\(([^()]*)\)", pattern)
    if group:
        return [one for middle in group.group(1).split("|")
                for one in expand(pattern[:group.start()] + middle + pattern[group.end():])]
    return pattern.split("|")


def patterns(code):
    """Of the grep in a line, if there is one."""
    found = re.search(r"grep ((?:-\S+ )*)('[^']*'|\S+)", code)
    return expand(found.group(2).strip("'")) if found else []


class Runbooks(FreshClusterCase):
    async def asyncSetUp(self):
        self.dir = tempfile.mkdtemp(prefix="splitrail-data-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.router_options = ["--data-dir", self.dir]
        await super().asyncSetUp()

    def run_ctl(self, code):
        code = code.replace("--edge EDGE", "--edge edge-1").replace("edge EDGE", "edge edge-1")
        for words in command_lines(code):
            words += ["--limit", "1"] if words[0] == "top" else []
            status, out, err = self.cluster.ctl_raw(*words)
            self.assertEqual(status, 0, "%s: %s" % (code, err))
            self.assertTrue(out.strip(), code)

    def run_curl(self, code):
        port, path = re.search(r":(\d+)(/\S*)", code).groups()
        self.assertIn(port, ("9100", "9101"))
        edge = self.cluster.edges[0].http_port
        status, _, body = http_get(self.cluster.http_port if port == "9100" else edge, path)
        self.assertEqual(status, 200, code)
        samples = [line for line in body.splitlines() if not line.startswith("#")]
        for pattern in patterns(code):
            self.assertTrue([s for s in samples if re.search(pattern, s)], "%s: %s" % (code, pattern))

    def check_log(self, code):
        with open(os.path.join(ROOT, "common", "log_events.def"), encoding="utf-8") as table:
            names = re.findall(r'LOG_EVENT\(\w+, "([^"]+)"', table.read())
        for pattern in patterns(code):
            known = [n for n in names if re.search(pattern, n)] or pattern in WORDS
            self.assertTrue(known, "%s: no event is called %s" % (code, pattern))

    async def test_what_the_runbooks_say_to_look_at_is_there(self):
        room = self.new()
        client = await self.client()
        await client.ok("join", room=room)
        await client.ok("room_message", room=room, payload=1)
        ran = 0
        for code in dict.fromkeys(blocks(read("RUNBOOKS.md"))):
            program = code.split()[0] if code else ""
            if program == "splitrailctl":
                await asyncio.to_thread(self.run_ctl, code)
                ran += 1
            elif program == "curl":
                await asyncio.to_thread(self.run_curl, code)
                ran += 1
            elif code.startswith("journalctl -u splitrail") or code.startswith("journalctl -u 'splitrail"):
                self.check_log(code)
                ran += 1
            elif code:
                self.assertIn(program, OTHERS, code)
        self.assertGreater(ran, 40)


if __name__ == "__main__":
    unittest.main()
