import asyncio
import json
import signal
import sys

import pytest

from tests.support.processes.ports import free_ports
from tests.support.processes.programs import next_line

PROGRAM = """
import asyncio, sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from services.shared.process.background import background
from services.shared.errors import StartupError
from services.shared.process.lifetime import run
from services.shared.process.settings import ProcessSettings
from tests.rpc.shared.conftest import echo, serving_flows

@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings):
    fail: str = ""
    hang: bool = False
    fail_later: bool = False

async def fail():
    raise ValueError("a mistake")

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
            async with background(*([fail()] if settings.fail_later else [])):
                yield
    finally:
        print("closed", flush=True)

run("example", Settings, "TAMS_EXAMPLE_", running)
"""


async def start_process(**env: str) -> asyncio.subprocess.Process:
    defaults = {"TAMS_EXAMPLE_DRAIN_SECONDS": "0", "TAMS_EXAMPLE_GRACE_SECONDS": "0"}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=defaults | env,
    )


async def startup_error(**env: str) -> str:
    """The line that a process writes if it cannot start."""
    process = await start_process(**env)
    out, err = await process.communicate()
    assert process.returncode == 1
    assert b"ready" not in out
    (line,) = err.decode().splitlines()
    return line


async def test_a_startup_error_is_reported_in_one_line() -> None:
    assert await startup_error(TAMS_EXAMPLE_FAIL="no such file: x") == "tams example: no such file: x"


async def test_an_unknown_setting_is_reported_in_one_line() -> None:
    line = await startup_error(TAMS_EXAMPLE_PROT="1")
    assert line == "tams example: unknown setting TAMS_EXAMPLE_PROT; did you mean TAMS_EXAMPLE_PORT?"


async def test_a_port_in_use_is_reported_in_one_line() -> None:
    (port,) = free_ports(1)
    first = await start_process(TAMS_EXAMPLE_PORT=str(port))
    assert await next_line(first.stdout) == b"ready\n"
    assert f"127.0.0.1:{port}" in await startup_error(TAMS_EXAMPLE_PORT=str(port))
    first.terminate()
    await first.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_the_process_in_order(number: signal.Signals) -> None:
    process = await start_process()
    assert await next_line(process.stdout) == b"ready\n"
    process.send_signal(number)
    out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"closed\n", b"")


async def test_a_signal_during_the_start_stops_the_process() -> None:
    process = await start_process(TAMS_EXAMPLE_HANG="true")
    assert await next_line(process.stdout) == b"hanging\n"
    process.terminate()
    out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"closed\n", b"")


async def test_a_failure_in_the_background_is_logged_and_ends_the_process() -> None:
    process = await start_process(TAMS_EXAMPLE_FAIL_LATER="true")
    out, err = await process.communicate()
    assert (process.returncode, out) == (1, b"ready\nclosed\n")
    line = json.loads(err)
    assert (line["level"], line["service"]) == ("critical", "example")
    assert "ValueError: a mistake" in line["exception"]
