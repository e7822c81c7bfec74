"""The media process: its start, its startup errors and its stop."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes.health import until_serving
from tests.support.processes.ports import free_ports
from tests.support.storage.seaweedfs import write_storage_config

# A request that hangs ends by its own timeouts. The rest of the time is for a slow machine.
STOP_SECONDS = 120


async def start_process(**settings: object) -> asyncio.subprocess.Process:
    env = {name: value for name, value in os.environ.items() if not name.startswith("TAMS_")}
    env |= {f"TAMS_MEDIA_{name.upper()}": str(value) for name, value in settings.items()}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.media"), env=env, stderr=asyncio.subprocess.PIPE
    )


async def wait_for_end(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    """The exit code, and the text on stderr."""
    async with asyncio.timeout(STOP_SECONDS):
        _, errors = await process.communicate()
    return process.returncode, errors.decode()


@pytest.fixture
def config(tmp_path: Path, backend: dict[str, Any]) -> Path:
    return write_storage_config(tmp_path / "storage.json", backend)


async def test_a_signal_stops_the_process_without_an_error(config: Path) -> None:
    (port,) = free_ports(1)
    process = await start_process(
        port=port, storage_config=config, drain_seconds=0, metadata_address="127.0.0.1:1"
    )
    try:
        await until_serving(port)
    finally:
        process.send_signal(signal.SIGTERM)
        code, errors = await wait_for_end(process)
    assert code == 0
    assert "Traceback" not in errors


async def test_storage_that_does_not_answer_does_not_keep_the_process_from_stopping(
    tmp_path: Path, backend: dict[str, Any]
) -> None:
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        config = write_storage_config(tmp_path / "storage.json", backend | {"endpoint_url": url})
        process = await start_process(port=port, storage_config=config, drain_seconds=0)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                connection, _ = await asyncio.get_running_loop().sock_accept(silent)
        finally:
            process.send_signal(signal.SIGTERM)
            code, errors = await wait_for_end(process)
        connection.close()
    assert code == 0
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "set TAMS_MEDIA_STORAGE_CONFIG"),
        ({"storage_config": "/nowhere.json"}, "cannot read /nowhere.json"),
        ({"storage_confg": "x"}, "did you mean TAMS_MEDIA_STORAGE_CONFIG?"),
        ({"url_expiry_seconds": "1h"}, "TAMS_MEDIA_URL_EXPIRY_SECONDS"),
    ],
)
async def test_an_invalid_setting_is_reported_in_one_line(settings: dict[str, str], message: str) -> None:
    code, errors = await wait_for_end(await start_process(**settings))
    assert code == 1
    assert message in errors
    assert errors.startswith("tams media: ")
    assert errors.count("\n") == 1


async def test_a_port_in_use_is_reported_in_one_line(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code, errors = await wait_for_end(await start_process(port=port, storage_config=config))
    assert code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in errors
    assert "Traceback" not in errors
