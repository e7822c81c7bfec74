"""The process itself: how it starts, complains and stops."""

import asyncio
import os
import signal
import socket
import sys

import pytest

from tests.support.health import until_serving
from tests.support.ports import free_ports
from tests.support.seaweedfs import write_storage_config

# A request that hangs ends within its own timeouts; the rest is a slow machine.
STOP_SECONDS = 120


async def start(**settings):
    env = {name: value for name, value in os.environ.items() if not name.startswith("TAMS_")}
    env |= {f"TAMS_MEDIA_{name.upper()}": str(value) for name, value in settings.items()}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.media"), env=env, stderr=asyncio.subprocess.PIPE
    )


async def ended(process):
    """Exit code and what it said."""
    async with asyncio.timeout(STOP_SECONDS):
        _, said = await process.communicate()
    return process.returncode, said.decode()


@pytest.fixture
def config(tmp_path, backend):
    return write_storage_config(tmp_path / "storage.json", backend)


async def test_it_stops_cleanly_when_told(config):
    (port,) = free_ports(1)
    process = await start(port=port, storage_config=config, drain_seconds=0, metadata_address="127.0.0.1:1")
    try:
        await until_serving(port)
    finally:
        process.send_signal(signal.SIGTERM)
        code, said = await ended(process)
    assert code == 0
    assert "Traceback" not in said


async def test_storage_that_never_answers_does_not_keep_it_from_stopping(tmp_path, backend):
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        there = f"http://127.0.0.1:{silent.getsockname()[1]}"
        config = write_storage_config(tmp_path / "storage.json", backend | {"endpoint_url": there})
        process = await start(port=port, storage_config=config, drain_seconds=0)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                connection, _ = await asyncio.get_running_loop().sock_accept(silent)
        finally:
            process.send_signal(signal.SIGTERM)
            code, said = await ended(process)
        connection.close()
    assert code == 0
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({}, "set TAMS_MEDIA_STORAGE_CONFIG"),
        ({"storage_config": "/nowhere.json"}, "cannot read /nowhere.json"),
        ({"storage_confg": "x"}, "did you mean TAMS_MEDIA_STORAGE_CONFIG?"),
        ({"url_expiry_seconds": "1h"}, "TAMS_MEDIA_URL_EXPIRY_SECONDS"),
    ],
)
async def test_what_it_cannot_start_with_is_said_in_one_line(settings, complaint):
    code, said = await ended(await start(**settings))
    assert code == 1
    assert complaint in said
    assert said.startswith("tams media: ")
    assert said.count("\n") == 1


async def test_a_taken_port_is_said_in_one_line(config):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = await ended(await start(port=port, storage_config=config))
    assert code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert "Traceback" not in said
