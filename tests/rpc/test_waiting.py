"""The choice of the gRPC engine, and the threads that it wakes."""

import os
import subprocess
import sys

import pytest

SERVICES = ["metadata", "media", "analytics", "events"]

# Calls a server in the same process, and prints the number of wake-ups of engine threads per call.
_PROBE = """
import asyncio, pathlib
from services.shared.process.lifetime import choose_grpc_engine
choose_grpc_engine()
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


def woken_per_call(**environment: str) -> tuple[float, str]:
    """The number of wake-ups of engine threads per call, and the text of gRPC on stderr."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}
    completed = subprocess.run(
        [sys.executable, "-c", _PROBE],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return float(completed.stdout), completed.stderr


@pytest.mark.parametrize("package", [f"services.{name}" for name in SERVICES] + ["gateway"])
def test_a_process_chooses_the_grpc_engine_before_it_imports_grpc(package: str) -> None:
    program = (
        f"import sys, {package}.__main__; print([name for name in sys.modules if name.startswith('grpc')])"
    )
    completed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert completed.stdout == "[]\n"


def test_calls_wake_no_thread_of_the_engine() -> None:
    """The experiments that the choice names exist in this release of gRPC."""
    woken, errors = woken_per_call()
    assert woken < 0.5
    assert "experiment" not in errors


def test_the_environment_takes_precedence_over_the_chosen_engine() -> None:
    """An operator can restore the default engine of gRPC."""
    woken, _ = woken_per_call(GRPC_EXPERIMENTS="event_engine_client,event_engine_listener")
    assert woken > 1
