"""Another gateway in front of the same services."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx

from tests.support.processes.ports import free_ports
from tests.support.processes.system import READY_SECONDS, System, poll


@contextmanager
def running_second_gateway(system: System) -> Iterator[str]:
    """The URL of a second gateway, which ends with the block."""
    (port,) = free_ports(1)
    own = {"TAMS_GATEWAY_PORT": str(port), "TAMS_METRICS_PORT": "-1"}
    environment = {**system.children()["gateway"].environ(), **own}
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        poll(lambda: _answers(url), READY_SECONDS)
        yield url
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/health", timeout=5).is_success
    return False
