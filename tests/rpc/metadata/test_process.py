"""The metadata process: the state of its tables after a kill, and its startup errors."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from itertools import islice
from pathlib import Path

import pytest
from tams.metadata.v1.deletion_request_pb2 import DELETION_STATUS_DONE
from tams.metadata.v1.deletion_request_service_pb2 import GetDeletionRequestRequest
from tams.metadata.v1.object_service_pb2 import BatchReserveObjectsRequest

from services.metadata.adapters.sqlite.file.connection import open_writer
from services.metadata.adapters.sqlite.file.evolution import SCHEMA_VERSION
from services.shared.errors import TamsError
from services.shared.rpc.client import open_channel
from services.shared.rpc.probe import is_serving
from tests.rpc.metadata.conftest import SERVICES, Service
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.rpc.messages import create, deletion, listing, new_segment, put_flow, reserve

ROOT = Path(__file__).parents[3]
WRITERS = 8


async def start_process(path: Path, port: int, **settings: str) -> asyncio.subprocess.Process:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TAMS_")} | {
        "TAMS_STORE_URL": f"sqlite:///{path}",
        "TAMS_METADATA_PORT": f"{port}",
        "TAMS_METADATA_DRAIN_SECONDS": "0",
        **settings,
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.metadata"),
        env=environment,
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )


async def end_process(process: asyncio.subprocess.Process, number: signal.Signals) -> tuple[int | None, str]:
    if process.returncode is None:
        process.send_signal(number)
    _, errors = await process.communicate()
    return process.returncode, errors.decode()


@asynccontextmanager
async def running_process(
    path: Path, **settings: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Service]]:
    """A running process and a client of its service. It is killed at the end."""
    (port,) = free_ports(1)
    started = await start_process(path, port, **settings)
    try:

        async def is_up() -> bool:
            assert started.returncode is None
            return await asyncio.to_thread(is_serving, f"127.0.0.1:{port}")

        await until(is_up)
        async with open_channel(
            f"127.0.0.1:{port}", [descriptor for descriptor, _ in SERVICES.values()]
        ) as channel:
            yield started, Service(port, channel)
    finally:
        await end_process(started, signal.SIGKILL)


async def register_until_killed(service: Service, writer: int, acknowledged: list[tuple[int, int]]) -> None:
    """Register batches of 1 to 5 segments, one after the other, until the service is unreachable."""
    start = 0
    while True:
        size = 1 + start % 5
        batch = [new_segment(t, t + 1, f"{writer}/{t}") for t in range(start, start + size)]
        try:
            reply = await service("CreateSegments", create(writer, *batch))
        except TamsError:
            return
        assert list(reply.failures) == []
        acknowledged.append((start, size))
        start += size


async def stored_starts(service: Service, number: int) -> set[int]:
    """The starts of the stored segments of a flow, in nanoseconds."""
    starts: set[int] = set()
    token = ""
    while True:
        page = await service("ListSegments", listing(number, page_size=1000, page_token=token))
        starts |= {
            int(line.split(b'"[0:')[1].split(b"_")[0]) for line in page.segments.documents.splitlines()
        }
        token = page.next_page_token
        if not token:
            return starts


@pytest.mark.slow
async def test_a_killed_process_loses_no_acknowledged_segment(tmp_path: Path) -> None:
    path = tmp_path / "tables.db"
    acknowledged: dict[int, list[tuple[int, int]]] = {number: [] for number in range(1, WRITERS + 1)}
    async with running_process(path) as (running, service):
        for number in acknowledged:
            await service("PutFlow", put_flow(number))
        writers = [
            asyncio.ensure_future(register_until_killed(service, number, done))
            for number, done in acknowledged.items()
        ]

        async def enough() -> bool:
            return sum(map(len, acknowledged.values())) > 50 * WRITERS

        await until(enough)
        await end_process(running, signal.SIGKILL)
        await asyncio.gather(*writers)
    assert_consistent(path)
    async with running_process(path) as (_, service):
        for number, batches in acknowledged.items():
            starts = await stored_starts(service, number)
            expected = {t for start, size in batches for t in range(start, start + size)}
            # The last batch may have been committed as a whole before its writer got the reply.
            next_start = batches[-1][0] + batches[-1][1]
            unacknowledged = set(range(next_start, next_start + 1 + next_start % 5))
            assert starts in (expected, expected | unacknowledged)
            assert list((await service("CreateSegments", create(number, new_segment(-1, 0)))).failures) == []


@pytest.mark.slow
async def test_a_killed_process_leaves_no_change_without_its_audit_entry(tmp_path: Path) -> None:
    path = tmp_path / "tables.db"
    acknowledged: dict[int, list[tuple[int, int]]] = {number: [] for number in range(1, WRITERS + 1)}
    async with running_process(path, TAMS_METADATA_AUDIT="on") as (running, service):
        for number in acknowledged:
            await service("PutFlow", put_flow(number))
        writers = [
            asyncio.ensure_future(register_until_killed(service, number, done))
            for number, done in acknowledged.items()
        ]
        await until(lambda: sum(map(len, acknowledged.values())) > 50 * WRITERS)
        await end_process(running, signal.SIGKILL)
        await asyncio.gather(*writers)
    recorded = "SELECT resource, sum(facts ->> 'count') FROM audit WHERE action = 'segments.put' GROUP BY 1"
    stored = "SELECT 'flow:' || id, count(*) FROM segments JOIN flows ON row = flow GROUP BY 1"
    with closing(sqlite3.connect(path)) as connection:
        counts = connection.execute(stored).fetchall()
        assert len(counts) == WRITERS
        assert sorted(connection.execute(recorded)) == sorted(counts)


async def reserve_until_killed(service: Service, writer: int, acknowledged: set[str]) -> None:
    """Reserve three objects for each of three flows at once, again and again, until the service is killed.

    The second of the flows does not exist.
    """
    number = 0
    while True:
        number += 1
        names = [[f"{writer}/{number}/{flow}/{n}" for n in range(3)] for flow in range(3)]
        flows = (writer, WRITERS + 1, writer % WRITERS + 1)
        requests = [reserve(flow, *objects) for flow, objects in zip(flows, names, strict=True)]
        try:
            reply = await service("BatchReserveObjects", BatchReserveObjectsRequest(requests=requests))
        except TamsError:
            return
        assert [result.failure.reason for result in reply.results] == ["", "FLOW_NOT_FOUND", ""]
        acknowledged.update(names[0], names[2])


@pytest.mark.slow
async def test_a_killed_process_loses_no_acknowledged_reservation(tmp_path: Path) -> None:
    path = tmp_path / "tables.db"
    acknowledged: set[str] = set()
    async with running_process(path) as (running, service):
        for number in range(1, WRITERS + 1):
            await service("PutFlow", put_flow(number))
        writers = [
            asyncio.ensure_future(reserve_until_killed(service, number, acknowledged))
            for number in range(1, WRITERS + 1)
        ]
        await until(lambda: len(acknowledged) > 200 * WRITERS)
        await end_process(running, signal.SIGKILL)
        await asyncio.gather(*writers)
    with closing(sqlite3.connect(path)) as connection:
        stored = {object_id for (object_id,) in connection.execute("SELECT id FROM objects")}
    assert acknowledged <= stored
    # The last batch of a writer may have been committed before its reply; of each reservation all or none.
    rest = Counter(object_id.rpartition("/")[0] for object_id in stored - acknowledged)
    assert len(rest) <= 2 * WRITERS
    assert set(rest.values()) <= {3}


async def register_in_holes(service: Service, holes: Iterator[int], acknowledged: set[int]) -> None:
    """Register a segment in one hole after the other, until the service is unreachable or no hole is left."""
    for start in holes:
        try:
            reply = await service("CreateSegments", create(1, new_segment(start, start + 1)))
        except TamsError:
            return
        assert list(reply.failures) == []
        acknowledged.add(start)


@pytest.mark.slow
async def test_a_resumed_deletion_deletes_no_segment_acknowledged_since_its_request(tmp_path: Path) -> None:
    path, end_of_flow = tmp_path / "tables.db", 4 * 8000
    holes = iter(range(end_of_flow - 2, 0, -4))
    acknowledged: set[int] = set()
    settings = {"TAMS_METADATA_DELETION_BUDGET_SECONDS": "0"}
    async with running_process(path, **settings) as (running, service):
        await service("PutFlow", put_flow(1))
        old = (new_segment(start, start + 2) for start in range(0, end_of_flow, 4))
        assert list((await service("CreateSegments", create(1, *old))).failures) == []
        deletion_request = (await service("DeleteSegments", deletion(1))).deletion_request
        recording = asyncio.ensure_future(register_in_holes(service, holes, acknowledged))

        async def begun() -> bool:
            return len(acknowledged) > 5

        await until(begun)
        await end_process(running, signal.SIGKILL)
        await recording
    unacknowledged = end_of_flow - 2 - 4 * len(acknowledged)
    async with running_process(path, **settings) as (_, service):
        await register_in_holes(service, islice(holes, 20), acknowledged)

        async def done() -> bool:
            request = await service("GetDeletionRequest", GetDeletionRequestRequest(id=deletion_request.id))
            return bool(request.status == DELETION_STATUS_DONE)

        await until(done)
        assert await stored_starts(service, 1) - {unacknowledged} == acknowledged
    assert_consistent(path)


def assert_consistent(path: Path) -> None:
    """Segments, objects and statistics in the tables must agree."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        segments = connection.execute(
            "SELECT f.id, g.start_ns, g.end_ns, g.object_id FROM segments g JOIN flows f ON f.row = g.flow"
        ).fetchall()
        states = connection.execute("SELECT id, state FROM objects").fetchall()
        statistics = connection.execute(
            "SELECT f.id, s.segments, s.start_ns, s.end_ns FROM flow_stats s JOIN flows f ON f.row = s.flow"
        ).fetchall()
    assert {object_id for object_id, state in states if state == "registered"} == {
        segment[3] for segment in segments
    }
    for flow, count, start, finish in statistics:
        own = [segment for segment in segments if segment[0] == flow]
        assert (count, start, finish) == (
            len(own),
            min(segment[1] for segment in own),
            max(segment[2] for segment in own),
        )


async def test_a_process_that_is_stopped_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tables.db"
    async with running_process(path) as (running, service):
        await service("PutFlow", put_flow(1))
        await service("CreateSegments", create(1, new_segment(0, 1)))
        code, _ = await end_process(running, signal.SIGTERM)
        assert code == 0
    assert not path.with_name("tables.db-wal").exists()
    async with running_process(path) as (_, service):
        assert await stored_starts(service, 1) == {0}


@pytest.mark.parametrize("fault", ["newer", "text", "folder"])
async def test_an_unusable_database_is_reported_in_one_line(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "tables.db"
    if fault == "newer":
        with closing(open_writer(path, "NORMAL")) as connection:
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    elif fault == "text":
        path.write_text("no database" * 1000)
    else:
        path.mkdir()
    refused = await start_process(path, 0)
    _, errors = await refused.communicate()
    (line,) = errors.decode().splitlines()
    assert refused.returncode == 1
    assert line.startswith("tams metadata: ")
