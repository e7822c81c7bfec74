import asyncio
import signal
import sys

import pytest

from tests.support.ports import free_ports

PROGRAM = """
import asyncio, sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from services.shared.errors import StartupError
from services.shared.process import run
from services.shared.settings import ProcessSettings
from tests.rpc.shared.conftest import echo, serving_flows

@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings):
    fail: str = ""
    hang: bool = False

@asynccontextmanager
async def running(settings):
    if settings.fail:
        raise StartupError(settings.fail)
    try:
        if settings.hang:
            print("hanging", flush=True)
            await asyncio.Event().wait()
        async with serving_flows(echo, settings):
            print("ready", flush=True)
            yield
    finally:
        print("closed", flush=True)

run("example", Settings, "TAMS_EXAMPLE_", running)
"""


async def start(**env: str) -> asyncio.subprocess.Process:
    quick = {"TAMS_EXAMPLE_DRAIN_SECONDS": "0", "TAMS_EXAMPLE_GRACE_SECONDS": "0"}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=quick | env,
    )


async def refused(**env: str) -> str:
    """The one line that a process says that cannot start."""
    process = await start(**env)
    out, err = await process.communicate()
    assert process.returncode == 1
    assert b"ready" not in out
    (line,) = err.decode().splitlines()
    return line


async def test_a_process_that_cannot_start_says_why_in_one_line():
    assert await refused(TAMS_EXAMPLE_FAIL="no such file: x") == "tams example: no such file: x"


async def test_an_unknown_setting_is_said_in_one_line():
    line = await refused(TAMS_EXAMPLE_PROT="1")
    assert line == "tams example: unknown setting TAMS_EXAMPLE_PROT; did you mean TAMS_EXAMPLE_PORT?"


async def test_a_taken_port_is_said_in_one_line():
    (port,) = free_ports(1)
    first = await start(TAMS_EXAMPLE_PORT=str(port))
    assert await first.stdout.readline() == b"ready\n"
    assert f"127.0.0.1:{port}" in await refused(TAMS_EXAMPLE_PORT=str(port))
    first.terminate()
    await first.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_it_in_order(number):
    process = await start()
    assert await process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"closed\n", b"")


async def test_a_signal_ends_a_start_still_under_way():
    process = await start(TAMS_EXAMPLE_HANG="true")
    assert await process.stdout.readline() == b"hanging\n"
    process.terminate()
    out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"closed\n", b"")
