"""The requests of an idle store on VAST to its database."""

import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import pytest

from services.vast_client.cluster import Cluster
from simulators.vast.server import Server
from tests.support.metadata.flows import a_flow
from tests.support.processes.system import READY_SECONDS, System, poll
from tests.support.vast.clusters import KEYS, address_of, vast_rows, vast_server

pytestmark = [pytest.mark.slow, pytest.mark.long]

# Processes poll more often after a change, and notice each other one by one, later on a busy machine.
SETTLING_SECONDS = 180
IDLE_SECONDS = 60


# The numbers of metadata processes of the stores, which are idle at the same time.
PROCESSES = (1, 3)


@pytest.fixture(scope="module")
def quietest(tmp_path_factory: pytest.TempPathFactory) -> Mapping[int, Counter[str]]:
    """The requests in the first minute with few enough, or in the last one, by the number of processes."""
    with ExitStack() as stack:
        servers = {
            processes: stack.enter_context(settled_store(tmp_path_factory.mktemp("store"), processes))
            for processes in PROCESSES
        }
        seconds = {processes: deque[Counter[str]](maxlen=IDLE_SECONDS) for processes in PROCESSES}
        end = time.monotonic() + SETTLING_SECONDS + IDLE_SECONDS
        while not all(map(is_quiet, seconds.values())) and time.monotonic() < end:
            count_one_second(servers, seconds)
    return {processes: sum(last, Counter()) for processes, last in seconds.items()}


def count_one_second(servers: Mapping[int, Server], seconds: Mapping[int, deque[Counter[str]]]) -> None:
    """Append the requests of one second to each server's counts, unless these already show a quiet minute."""
    with ExitStack() as counting:
        counts = {key: counting.enter_context(server.counting()) for key, server in servers.items()}
        time.sleep(1)
    for key, count in counts.items():
        if not is_quiet(seconds[key]):
            seconds[key].append(count)


def is_quiet(seconds: deque[Counter[str]]) -> bool:
    """Whether the counts cover a minute, with at most one request a second."""
    return len(seconds) == IDLE_SECONDS and sum(count.total() for count in seconds) <= IDLE_SECONDS


@contextmanager
def settled_store(folder: Path, processes: int) -> Iterator[Server]:
    """The database of a running store with a flow, after its processes have noticed each other."""
    with vast_server() as server, closing(Cluster(address_of(server.urls), KEYS)) as cluster:
        hosts = ",".join(url.removeprefix("http://") for url in server.urls)
        env = {
            "TAMS_STORE_URL": f"vast://{hosts}/vastdb/tams?tls=false",
            "TAMS_VAST_ACCESS_KEY": KEYS.access_key,
            "TAMS_VAST_SECRET_KEY": KEYS.secret_key,
        }
        system = System(folder / "data", env, arguments=("--metadata", str(processes)))
        try:
            system.start().ready()
            document = a_flow(1)
            response = httpx.put(f"{system.url}/flows/{document['id']}", json=document, timeout=20)
            assert response.status_code == 201
            # Each process writes its row before it knows the number of processes.
            poll(lambda: known_processes(cluster) == processes, READY_SECONDS)
            yield server
        finally:
            system.abandon()


@pytest.mark.parametrize("processes", PROCESSES)
def test_an_idle_store_sends_at_most_one_request_a_second(
    quietest: Mapping[int, Counter[str]], processes: int
) -> None:
    assert 0 < quietest[processes].total() <= IDLE_SECONDS, quietest[processes]


def known_processes(cluster: Cluster) -> int:
    """The number of processes with rows in the table `writers`."""
    return len({row["id"].partition("/")[0] for row in vast_rows(cluster, "writers")})
