"""A killed process: the trash loses nothing, and its work continues."""

import asyncio
import signal
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tams.metadata.v1.segment_service_pb2 import DeleteSegmentsRequest
from tams.metadata.v1.trash_pb2 import DeleteOptions, TrashEntry
from tams.metadata.v1.trash_service_pb2 import ListTrashRequest, PurgeEntryRequest, RestoreEntryRequest

from services.shared.errors import NotFound, TamsError
from tests.rpc.metadata.conftest import Service
from tests.rpc.metadata.test_process import end_process, running_process, stored_starts
from tests.support.metadata.flows import flow_id
from tests.support.processes.polling import until
from tests.support.rpc.messages import create, new_segment, put_flow

SEGMENTS = 8000
# Work is left to the worker, so that the kill comes in the middle of it.
AT_ONCE = {"TAMS_METADATA_DELETION_BUDGET_SECONDS": "0"}


def rows(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


async def the_entry(service: Service) -> TrashEntry:
    (entry,) = (await service("ListTrash", ListTrashRequest())).entries
    assert isinstance(entry, TrashEntry)
    return entry


@pytest.mark.slow
async def test_a_kill_loses_nothing_of_the_trash(tmp_path: Path) -> None:
    path = tmp_path / "tables.db"
    soft = DeleteSegmentsRequest(flow_id=flow_id(1), options=DeleteOptions(soft_delete=True))
    async with running_process(path, **AT_ONCE) as (process, service):
        await service("PutFlow", put_flow(1))
        await service("CreateSegments", create(1, *(new_segment(n, n + 1) for n in range(SEGMENTS))))
        assert (await service("DeleteSegments", soft)).HasField("deletion_request")
        await end_process(process, signal.SIGKILL)
    assert rows(path, "segments") == SEGMENTS

    async with running_process(path, **AT_ONCE) as (process, service):
        await until_moved(service)
        entry = await the_entry(service)
        restoring = asyncio.create_task(service("RestoreEntry", RestoreEntryRequest(id=entry.id)))
        await asyncio.sleep(0.05)
        await end_process(process, signal.SIGKILL)
        with suppress(TamsError):
            await restoring
    assert rows(path, "segments") == SEGMENTS

    async with running_process(path, **AT_ONCE) as (process, service):
        with suppress(NotFound):  # all were restored before the kill
            await service("RestoreEntry", RestoreEntryRequest(id=entry.id))
        assert await stored_starts(service, 1) == set(range(SEGMENTS))
        await service("DeleteSegments", soft)
        await until_moved(service)
        entry = await the_entry(service)
        assert (await service("PurgeEntry", PurgeEntryRequest(id=entry.id))).continues
        await end_process(process, signal.SIGKILL)

    async with running_process(path) as (_, service):

        async def is_purged() -> bool:
            return not (await service("ListTrash", ListTrashRequest())).entries

        await until(is_purged)
    assert [rows(path, table) for table in ("segments", "objects", "trash")] == [0, 0, 0]


async def until_moved(service: Service) -> None:
    """Wait until no segment of the flow is left."""

    async def is_empty() -> bool:
        return not await stored_starts(service, 1)

    await until(is_empty)
