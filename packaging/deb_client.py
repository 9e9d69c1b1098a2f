"""Clients of deb-test.sh, who talk through the edges at the given ports: deb_client.py JWT-KEY-FILE PORT…

Each line of standard input is a question, answered by a line "yes FIGURES" or "no WHY"; the first answer
comes when everybody has joined. `undisturbed`: nobody was ever closed or refused, and all hear what is said
from now on. `end`: everything that was said was heard by all, once, in order, and whoever was closed was told
before that his edge drains; then it ends."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import random
import sys
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path[:0] = [os.path.join(ROOT, "compose"), os.path.join(ROOT, "tests", "e2e")]

from steady import Traffic

PATIENCE_S = 60
MORE = 20  # messages that show that all is well


def token(key, user):
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")
    text = part(json.dumps({"alg": "HS256"}).encode()) + b"." + part(
        json.dumps({"sub": user, "exp": int(time.time()) + 3600}).encode())
    return (text + b"." + part(hmac.new(key, text, hashlib.sha256).digest())).decode()


def answer(traffic, faults):
    print("no %s" % faults if faults else "yes " + traffic.figures(), flush=True)


async def undisturbed(traffic):
    """What is wrong, or nothing."""
    since = len(traffic.said)
    end = time.monotonic() + PATIENCE_S
    while len(traffic.said) < since + MORE and time.monotonic() < end:
        await asyncio.sleep(0.05)
    said = set(traffic.said[since:])
    while any(said - set(m.heard) for m in traffic.members) and time.monotonic() < end:
        await asyncio.sleep(0.05)
    faults = [(m.name, f) for m in traffic.members for f in m.faults] + traffic.codes()
    if len(said) < MORE or any(said - set(m.heard) for m in traffic.members):
        faults.append("%d said and not heard by all within %d s" % (len(said), PATIENCE_S))
    return faults


async def main():
    with open(sys.argv[1], "rb") as file:
        key = file.read().rstrip(b"\n")
    urls = ["ws://127.0.0.1:%s/ws" % port for port in sys.argv[2:]]
    traffic = Traffic(lambda: random.choice(urls), "deb", members=24, token=lambda name: token(key, name))
    await traffic.joined()
    answer(traffic, [])
    while (question := (await asyncio.to_thread(sys.stdin.readline)).strip()) == "undisturbed":
        answer(traffic, await undisturbed(traffic))
    if question != "end":
        sys.exit("%r is no question" % question)
    await traffic.settle()
    answer(traffic, traffic.faults() + [c for c in traffic.codes() if c != 1012])
    await traffic.close()


asyncio.run(main())
