"""`python -m bench.load`: a plan on stdin (msgpack), its outcome on stdout (JSON)."""

import sys

import msgspec
import uvloop

from bench.load import Plan
from bench.load.http import send_http
from bench.load.rpc import send_rpc

if __name__ == "__main__":
    plan = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Plan)
    send = send_http if plan.protocol == "http" else send_rpc
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(send(plan))))
