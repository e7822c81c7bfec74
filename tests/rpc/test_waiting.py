"""How gRPC waits for the network in our processes."""

import os
import subprocess
import sys

import pytest

# Calls a server in the same process, then counts how often the threads of gRPC's own engine were woken.
_PROBE = """
import asyncio, importlib, pathlib, sys
importlib.import_module(sys.argv[1])
import grpc
from grpc import aio

CALLS = 300

async def echo(request, context):
    return request

async def main():
    server = aio.server()
    handler = grpc.unary_unary_rpc_method_handler(echo)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Echo", {"Call": handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary("/test.Echo/Call")
        for _ in range(CALLS):
            assert await call(b"said") == b"said"
    print(sum(map(woken, pathlib.Path("/proc/self/task").iterdir())) / CALLS)
    await server.stop(None)

def woken(task):
    status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
    return int(status["voluntary_ctxt_switches"]) if status["Name"].strip() == "event_engine" else 0

asyncio.run(main())
"""


def woken_per_call(package: str, **environment: str) -> tuple[float, str]:
    """How often a call wakes the engine's threads, and what gRPC said on stderr."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, package],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return float(done.stdout), done.stderr


@pytest.mark.parametrize("package", ["services.metadata", "services.media", "gateway", "bench.floor"])
def test_messages_wake_no_thread_on_their_way(package: str) -> None:
    """Settled before gRPC is imported, and with names that this release of gRPC knows."""
    woken, said = woken_per_call(package)
    assert woken < 0.5
    assert "experiment" not in said


def test_the_environment_decides_if_it_says_so() -> None:
    """An operator can have gRPC's own choice back."""
    woken, _ = woken_per_call("services", GRPC_EXPERIMENTS="event_engine_client,event_engine_listener")
    assert woken > 1
