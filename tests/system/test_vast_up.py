"""`tams up` on VAST: several metadata processes, and a database that starts late or stops."""

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from simulators.vast.server import Server
from tests.support.metadata.flows import a_flow
from tests.support.processes.system import READY_SECONDS, System, has_ended, poll
from tests.support.vast.clusters import KEYS, vast_server

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[Server]:
    with vast_server() as running:
        yield running


def metadata_of(system: System) -> list[psutil.Process]:
    return system.processes_of("metadata")


def put(system: System, number: int) -> int:
    document = a_flow(number)
    return httpx.put(f"{system.url}/flows/{document['id']}", json=document, timeout=20).status_code


def kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)
    poll(lambda: has_ended(process), READY_SECONDS)


def test_a_store_survives_the_loss_of_a_metadata_process_and_of_the_database(
    tmp_path: Path, server: Server
) -> None:
    hosts = ",".join(url.removeprefix("http://") for url in server.urls)
    server.stop()
    env = {
        "TAMS_STORE_URL": f"vast://{hosts}/vastdb/tams?tls=false",
        "TAMS_VAST_ACCESS_KEY": KEYS.access_key,
        "TAMS_VAST_SECRET_KEY": KEYS.secret_key,
    }
    system = System(tmp_path / "data", env, arguments=("--metadata", "2"))
    try:
        system.start()
        poll(lambda: system.errors().count("waiting for the database") >= 2, READY_SECONDS)
        server.start()
        system.ready()
        assert len(metadata_of(system)) == 2
        assert put(system, 1) == 201

        # Calls go to the other process until both run again.
        kill(metadata_of(system)[0])
        poll(lambda: put(system, 2) in (201, 204), READY_SECONDS)
        poll(lambda: len(metadata_of(system)) == 2, READY_SECONDS)

        server.stop()
        killed = metadata_of(system)
        for process in killed:
            kill(process)
        poll(lambda: len(metadata_of(system)) == 2, READY_SECONDS)
        assert put(system, 3) == 503
        server.start()
        poll(lambda: put(system, 3) == 201, READY_SECONDS)
        assert system.stop() == 0
    finally:
        system.abandon()
