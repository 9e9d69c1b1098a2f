"""Talks through the edges at the given ports until FILE is there, and fails when a message was lost:
deb_client.py JWT-KEY-FILE FILE PORT…"""

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


def token(key, user):
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")
    text = part(json.dumps({"alg": "HS256"}).encode()) + b"." + part(
        json.dumps({"sub": user, "exp": int(time.time()) + 3600}).encode())
    return (text + b"." + part(hmac.new(key, text, hashlib.sha256).digest())).decode()


async def main():
    with open(sys.argv[1], "rb") as file:
        key = file.read().rstrip(b"\n")
    urls = ["ws://127.0.0.1:%s/ws" % port for port in sys.argv[3:]]
    traffic = Traffic(lambda: random.choice(urls), "deb", members=6, talkers=2,
                      token=lambda name: token(key, name))
    await traffic.joined()
    open(sys.argv[2] + ".talks", "w").close()
    while not os.path.exists(sys.argv[2]):
        await asyncio.sleep(0.1)
    await traffic.settle()
    print("        " + traffic.figures())
    faults = traffic.faults() + [c for c in traffic.codes() if c != 1012]
    await traffic.close()
    if faults:
        sys.exit("lost: %s" % faults)


asyncio.run(main())
