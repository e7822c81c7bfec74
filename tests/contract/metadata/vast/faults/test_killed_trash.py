"""Processes are killed while they delete softly, restore and purge; the next one finishes that."""

import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.metadata.adapters.vast.store import VastStore
from services.metadata.application.ports import Store
from services.metadata.domain.trash import Trashed
from services.shared.errors import NotFound
from simulators.vast.server import Server
from tests.contract.metadata.vast.faults.test_killed import a_store, url_of
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.project.repository import ROOT
from tests.support.vast.clusters import vast_rows
from tests.support.vast.killed_change import SLICE, SOFT, set_slices, work

pytestmark = pytest.mark.slow

ALL = range(2 * SLICE + 5)
MOMENTS = ("before", "after")


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    set_slices(monkeypatch.setattr)


@pytest.fixture
async def filled(server: Server, tmp_path: Path) -> AsyncIterator[VastStore]:
    """A store with a flow of many segments, each with an object of its own."""
    async with a_store(server, tmp_path) as store:
        metadata = Metadata(store)
        await metadata.put(a_flow(1))
        assert await metadata.register(1, *(a_segment(t, t + 1, f"o{t}") for t in ALL)) == []
        yield store


def kill(server: Server, folder: Path, operation: str, number: int, moment: str) -> None:
    """Run a process that is killed at the transaction with that number."""
    arguments = [url_of(server), str(folder), operation, str(number), moment]
    command = [sys.executable, "-m", "tests.support.vast.killed_change", *arguments]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -9


async def survivor(store: Store, seconds: float = 3600) -> Metadata:
    """A process that continues later, when the leases of the killed one have ended."""
    metadata = Metadata(store)
    metadata.pass_time(seconds)
    while await metadata.upkeep.once():
        pass
    return metadata


async def entries(metadata: Metadata) -> list[Trashed]:
    return list((await metadata.trash.page(None, None, 0, "")).items)


async def starts(metadata: Metadata) -> list[int]:
    return [segment.start_ns for segment in await metadata.all_segments(1)]


def stored(store: VastStore) -> list[int]:
    """The starts of all segments, those in the trash included."""
    return sorted(row["start_ns"] for row in vast_rows(store.cluster, "segments"))


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_killed_deletion_is_finished_or_was_not_begun(
    server: Server, filled: VastStore, tmp_path: Path, number: int, moment: str
) -> None:
    kill(server, tmp_path, "delete", number, moment)
    metadata = await survivor(filled)
    has_begun = (number, moment) != (1, "before")
    assert await starts(metadata) == ([] if has_begun else [*ALL])
    assert len(await entries(metadata)) == has_begun
    for entry in await entries(metadata):
        await metadata.trash.restore(entry.id)
    assert await starts(metadata) == stored(filled) == [*ALL]


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_killed_restoration_can_be_repeated(
    server: Server, filled: VastStore, tmp_path: Path, number: int, moment: str
) -> None:
    metadata = Metadata(filled)
    await work("delete", metadata)
    (entry,) = await entries(metadata)
    kill(server, tmp_path, "restore", number, moment)
    done = SLICE * (number if moment == "after" else number - 1)
    metadata = await survivor(filled)
    assert await starts(metadata) == [*ALL][:done]
    assert stored(filled) == [*ALL]
    if done < len(ALL):
        await metadata.trash.restore(entry.id)
    assert await starts(metadata) == [*ALL]
    assert await entries(metadata) == []


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_killed_purge_is_finished_or_was_not_begun(
    server: Server, filled: VastStore, tmp_path: Path, number: int, moment: str
) -> None:
    metadata = Metadata(filled)
    await work("delete", metadata)
    kill(server, tmp_path, "purge", number, moment)
    metadata = await survivor(filled)
    if (number, moment) == (1, "before"):
        assert len(await entries(metadata)) == 1
        await work("purge", metadata)
    assert await entries(metadata) == []
    assert stored(filled) == []
    left = Counter({table: len(vast_rows(filled.cluster, table)) for table in ("objects", "trash")})
    assert left.total() == 0


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_killed_deletion_or_restoration_of_a_flow_is_done_or_not(
    server: Server, filled: VastStore, tmp_path: Path, moment: str
) -> None:
    kill(server, tmp_path, "delete flow", 1, moment)
    metadata = await survivor(filled)
    is_deleted = moment == "after"
    assert len(await entries(metadata)) == is_deleted
    if is_deleted:
        with pytest.raises(NotFound):
            await metadata.flow(1)
    else:
        await metadata.flows.delete(flow_id(1), SOFT)
    kill(server, tmp_path, "restore", 1, moment)
    metadata = await survivor(filled)
    if moment == "before":
        await metadata.trash.restore_flow(flow_id(1))
    assert await starts(metadata) == [*ALL]
    assert await entries(metadata) == []
