"""The probe of the gateway, against a gateway whose services are all unreachable."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.probe import answers
from gateway.settings import Settings
from tests.support.access.authority import Authority
from tests.support.processes.ports import free_ports
from tests.support.services.gateway import running_gateway


@pytest.mark.parametrize("https", [False, True])
async def test_the_probe_sees_a_gateway_over_http_and_https(https: bool, tmp_path: Path) -> None:
    [port] = free_ports(1)
    issued = Authority(tmp_path).issue("store.example")
    tls: dict[str, Any] = {"tls_cert": str(issued.cert), "tls_key": str(issued.key)} if https else {}
    settings = Settings(port=port, **tls)
    assert not await asyncio.to_thread(answers, settings)
    async with running_gateway(port=port, **tls):
        assert await asyncio.to_thread(answers, settings)
        # Its services are unreachable.
        assert not await asyncio.to_thread(answers, settings, "/health")


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [({}, b""), ({"TAMS_GATEWAY_PROT": "8"}, b"probe: "), ({"TAMS_GATEWAY_PORT": "many"}, b"probe: ")],
)
async def test_the_command_fails_without_a_gateway(environment: dict[str, str], complaint: bytes) -> None:
    [port] = free_ports(1)
    env = {"TAMS_GATEWAY_PORT": str(port), **environment}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.probe", env=env, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert said.startswith(complaint)
