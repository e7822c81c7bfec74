"""`python -m bench.feeds`: a plan on stdin (msgpack), its outcome on stdout (JSON)."""

import sys

import msgspec
import uvloop

from bench.feeds import Plan
from bench.feeds.camera import film

if __name__ == "__main__":
    plan = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(film(plan))))
