"""Queries over tables on VAST: bounded memory, scans at all endpoints, and scans that survive failures."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tams.analytics.v1.usage_service_pb2 import StorageUsage

from services.shared.errors import DeadlineExceeded, Unavailable
from services.shared.rpc.client import open_channel
from services.shared.timerange import NS
from services.vast_client.cluster import Cluster
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import Transaction
from simulators.vast.endpoints.faults import dropped, refused, truncated
from simulators.vast.server import Server
from tests.rpc.analytics.conftest import SERVICES, Analytics, serving_analytics
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.tables.vast import VastTableWriter
from tests.support.vast.clusters import KEYS, address_of, vast_server

FLOW = "00000000-0000-4000-8000-000000000001"
STORAGE = "00000000-0000-4000-8000-00000000000a"
ROW_GROUPS = 8 * 65_536
OBJECTS = 1_500_000
# The size of a row in Arrow: texts of 36 and 10 bytes with their offsets, and a number.
ROW_BYTES = 36 + 4 + 10 + 4 + 8
MEGABYTE = 1 << 20


@pytest.fixture
def server() -> Iterator[Server]:
    with vast_server() as running:
        yield running


@pytest.fixture
def cluster(server: Server) -> Iterator[Cluster]:
    cluster = Cluster(address_of(server.urls), KEYS)
    yield cluster
    cluster.close()


@pytest.fixture
def tables(cluster: Cluster) -> VastTableWriter:
    return VastTableWriter(cluster)


def settings(server: Server) -> dict[str, str]:
    hosts = ",".join(url.removeprefix("http://") for url in server.urls)
    return {
        "store_url": f"vast://{hosts}/vastdb/tams?tls=false",
        "vast_access_key": KEYS.access_key,
        "vast_secret_key": KEYS.secret_key,
    }


@pytest.fixture
async def analytics(server: Server, tables: VastTableWriter, tmp_path: Path) -> AsyncIterator[Analytics]:
    async with serving_analytics(tmp_path, **settings(server)) as service:
        await until(service.serving)
        yield service


def add_objects(cluster: Cluster, count: int) -> None:
    """Write `count` objects whose size is known, one byte each."""
    rows = pa.table({
        "id": pa.array([str(number) for number in range(count)]),
        "storage_id": pa.repeat(STORAGE, count),
        "size": pa.repeat(1, count),
        "state": pa.repeat("registered", count),
    })  # fmt: skip

    def insert(transaction: Transaction) -> None:
        transaction.insert("objects", rows)
        transaction.commit()

    cluster.run(insert, Kind.SCAN)


def usage_of(count: int) -> list[StorageUsage]:
    return [StorageUsage(storage_id=STORAGE, objects=count, measured_objects=count, bytes=count)]


@asynccontextmanager
async def analytics_process(server: Server) -> AsyncIterator[tuple[Analytics, int]]:
    """A client of the service in a process of its own, and the process id."""
    (port,) = free_ports(1)
    environment = {f"TAMS_{name.upper()}": value for name, value in settings(server).items()}
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.analytics",
        env={**os.environ, **environment, "TAMS_ANALYTICS_PORT": str(port), "TAMS_LOG_LEVEL": "error"},
    )
    try:
        async with open_channel(f"127.0.0.1:{port}", SERVICES) as channel:
            service = Analytics(port, channel)
            await until(service.serving, pause=0.1)
            yield service, running.pid
    finally:
        running.terminate()
        await running.wait()


def peak_memory(pid: int) -> int:
    """The largest number of bytes that a process has held in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@pytest.mark.slow
async def test_memory_does_not_grow_with_the_number_of_rows(server: Server, cluster: Cluster) -> None:
    VastTableWriter(cluster)
    add_objects(cluster, 1000)
    async with analytics_process(server) as (service, pid):
        assert await service.usage() == usage_of(1000)
        before = peak_memory(pid)
        await asyncio.to_thread(add_objects, cluster, OBJECTS)
        assert await service.usage() == usage_of(OBJECTS + 1000)
        assert peak_memory(pid) - before < OBJECTS * ROW_BYTES // 2


async def test_a_scan_of_a_table_that_has_grown_uses_all_endpoints(
    server: Server, cluster: Cluster, analytics: Analytics
) -> None:
    def query_counts() -> list[int]:
        return [endpoint.row_requests.counts()["query objects"] for endpoint in server.endpoints]

    add_objects(cluster, 10)
    before = query_counts()
    assert await analytics.usage() == usage_of(10)
    assert sorted(later - earlier for earlier, later in zip(before, query_counts(), strict=True)) == [0, 1]
    add_objects(cluster, ROW_GROUPS)
    before = query_counts()
    assert await analytics.usage() == usage_of(ROW_GROUPS + 10)
    assert min(later - earlier for earlier, later in zip(before, query_counts(), strict=True)) > 0


FAULTS = {
    "no more requests": lambda: dropped("query", times=3),
    "too busy": lambda: refused(503, "SlowDown", "query", times=3),
    "replies that break off": lambda: truncated(100_000, "query", times=3),
    "no statistics": lambda: dropped("table_stats", times=1),
    "no transaction": lambda: refused(500, "InternalError", "begin", times=2),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_a_scan_continues_after_a_failed_reply(
    server: Server, cluster: Cluster, analytics: Analytics, fault: Any
) -> None:
    await asyncio.to_thread(add_objects, cluster, 300_000)
    server.add_fault(fault())
    assert await analytics.usage() == usage_of(300_000)


async def test_a_scan_continues_at_the_remaining_endpoint(
    server: Server, cluster: Cluster, analytics: Analytics
) -> None:
    await asyncio.to_thread(add_objects, cluster, ROW_GROUPS + 1)
    server.stop(server.endpoints[0])
    assert await analytics.usage() == usage_of(ROW_GROUPS + 1)


async def test_an_unreachable_database_is_unavailable_until_it_returns(
    server: Server, tables: VastTableWriter, analytics: Analytics
) -> None:
    tables.flow(FLOW, [(0, NS)])
    server.stop()
    # On a busy machine, the deadline may come first.
    with pytest.raises((Unavailable, DeadlineExceeded)):
        await analytics.usage()
    server.start()
    await until(analytics.serving)
    assert (await analytics.coverage(FLOW)).segment_count == 1


async def test_segments_dense_in_a_small_part_of_the_range_are_read_in_few_requests(
    server: Server, tables: VastTableWriter, analytics: Analytics
) -> None:
    segments = [(second * NS, (second + 1) * NS) for second in range(200_000) if second % 10]
    tables.flow(FLOW, [*segments, (2**62, 2**62 + NS)])
    await analytics.coverage(FLOW)
    with server.counting() as counted:
        coverage = await analytics.coverage(FLOW)
    assert (coverage.segment_count, coverage.covered_count) == (180_001, 20_001)
    assert coverage.covered_ns == 180_001 * NS
    # Two requests read the row of the flow. A window with too many segments is read up to three times.
    assert counted["query"] <= 2 + 3 * 12
