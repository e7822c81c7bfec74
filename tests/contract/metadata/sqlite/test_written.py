"""A change writes only the rows that change, even of a flow with many tags and members."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest

from services.metadata.adapters.sqlite.file.connection import open_writer
from services.metadata.adapters.sqlite.file.evolution import SCHEMA_VERSION
from services.metadata.adapters.sqlite.store import SqliteStore, open_store
from services.metadata.application.ports import Slow, Tables
from services.metadata.domain.property import PropertyChange
from services.shared.timerange import ETERNITY
from tests.contract.metadata.flows.test_collections import collecting
from tests.support.metadata.classes import seen_by, tags_of
from tests.support.metadata.flows import a_flow, encoded, flow_id, source_id
from tests.support.metadata.rules import Metadata, a_segment

MEMBERS = [(number, "a") for number in range(2, 302)]
TAGS = {f"{number}": "v" for number in range(500)}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with open_store(tmp_path / "tables.db", "NORMAL", 1000) as opened:
        yield opened


@pytest.fixture
async def wide(store: SqliteStore) -> Metadata:
    """A service with flow 1, which has many tags, and with more flows of its source and the same members."""
    metadata = Metadata(store)
    await metadata.put_flows(number for number, _ in MEMBERS)
    for number in (1, 1001, 1002, 1003):
        await metadata.put(collecting(number, *MEMBERS, source=1, tags=TAGS))
    return metadata


async def count_written_rows(store: SqliteStore, change: Callable[[], Awaitable[Any]]) -> int:
    async def total() -> int:
        """The rows that were written so far, without the count of commits."""
        return await store.alter(
            lambda connection: (
                connection.total_changes - connection.execute("SELECT commits FROM store").fetchone()[0]
            )
        )

    before = await total()
    await change()
    return await total() - before


@pytest.mark.parametrize(
    ("changes", "rows"),
    [
        ({"label": "new"}, 1),
        ({"tags": TAGS | {"7": "new"}}, 2),
        ({"tags": {name: TAGS[name] for name in list(TAGS)[:-2]}}, 3),
        # The flow, the member, and the link of the sources, which is counted or removed with its last member.
        ({"members": MEMBERS[1:]}, 3),
        ({"members": [*MEMBERS, (2, "b")]}, 3),
        ({"members": [*MEMBERS[:-1], (2, "b")]}, 5),
        ({"members": MEMBERS}, 1),
    ],
)
async def test_a_change_of_a_wide_flow_writes_few_rows(
    store: SqliteStore, wide: Metadata, changes: dict[str, Any], rows: int
) -> None:
    members = changes.pop("members", MEMBERS)
    document = collecting(1, *members, source=1, **{"tags": TAGS} | changes)
    assert await count_written_rows(store, lambda: wide.put(document)) == rows
    served = await wide.flow(1)
    assert (served["flow_collection"], served["tags"]) == (document["flow_collection"], document["tags"])


async def test_a_changed_tag_of_a_source_writes_only_its_own_row(store: SqliteStore, wide: Metadata) -> None:
    tags = PropertyChange("tags", None, encoded(TAGS))
    assert await count_written_rows(store, lambda: wide.sources.update(source_id(1), [tags])) == 1 + len(TAGS)
    tag = PropertyChange(None, "7", b'"new"')
    assert await count_written_rows(store, lambda: wide.sources.update(source_id(1), [tag])) == 2


T = TypeVar("T")


class RecordingStore:
    """A store that records which of its changes are slow ones."""

    def __init__(self, store: SqliteStore) -> None:
        self.slow: list[bool] = []
        self.read, self.scan, self.probe, self._store = store.read, store.scan, store.probe, store

    async def write(self, change: Callable[[Tables], T]) -> T:
        self.slow.append(isinstance(change, Slow))
        return await self._store.write(change)


async def test_changes_of_large_flows_and_deletions_are_slow_changes(store: SqliteStore) -> None:
    recording = RecordingStore(store)
    metadata = Metadata(recording)
    await metadata.put(a_flow(1))
    await metadata.put(a_flow(2, tags={f"{number}": "v" * 100 for number in range(500)}))
    recording.slow.clear()
    label = [PropertyChange("label", None, b'"l"')]
    await metadata.flows.update(flow_id(1), label)
    assert recording.slow == [False]
    await metadata.flows.update(flow_id(2), label)
    assert recording.slow == [False, False, True]
    await metadata.unregister(1)
    await metadata.flows.delete(flow_id(2))
    assert recording.slow[3:] == [True, True]
    assert (await metadata.flow(1))["label"] == "l"


async def test_deletions_under_way_are_marked_in_a_database_of_an_older_version(tmp_path: Path) -> None:
    path = tmp_path / "tables.db"
    async with open_store(path, "NORMAL", 1000) as opened:
        metadata = Metadata(opened, deletion_seconds=0)
        for number in (1, 2):
            await metadata.put(a_flow(number))
            await metadata.register(number, *(a_segment(start, start + 1) for start in range(0, 4000, 2)))
        begun = await metadata.segments.delete(flow_id(1), ETERNITY, None)
        await metadata.flows.delete(flow_id(2))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        before = connection.execute("SELECT * FROM deleting").fetchall()
        connection.executescript("DROP TABLE deleting; PRAGMA user_version = 1;")
    assert begun.deletion is not None
    assert [deletion for _, deletion in before] == [begun.deletion.id]
    async with open_store(path, "NORMAL", 1000):
        pass
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM deleting").fetchall() == before


async def test_links_of_sources_are_counted_once_in_a_database_of_an_older_version(tmp_path: Path) -> None:
    path = tmp_path / "tables.db"
    async with open_store(path, "NORMAL", 1000) as opened:
        metadata = Metadata(opened)
        await metadata.put(a_flow(1))
        await metadata.put(collecting(2, (1, "a"), (1, "b")))
        before = await metadata.all_sources()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript("DROP TABLE source_links; DROP TABLE deleting; PRAGMA user_version = 1;")
        for column in ("flows.collected_by", "sources.collected_by", "sources.source_collection"):
            table, name = column.split(".")
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} BLOB")
            connection.execute(f"UPDATE {table} SET {name} = x'5b5d'")
    for _ in range(2):
        async with open_store(path, "NORMAL", 1000) as opened:
            assert await Metadata(opened).all_sources() == before
    with closing(open_writer(path, "NORMAL")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    async with open_store(path, "NORMAL", 1000) as opened:
        metadata = Metadata(opened)
        await metadata.flows.delete(flow_id(2))
        assert [source for source in await metadata.all_sources() if "collected_by" in source] == []


async def test_classes_are_made_once_from_the_tags_of_an_older_version(tmp_path: Path) -> None:
    path = tmp_path / "tables.db"
    async with open_store(path, "NORMAL", 1000) as opened:
        await Metadata(opened).put_flows((1, 2), tags=tags_of("news"))
        sport = PropertyChange(None, "auth_classes", b'"sport"')
        await Metadata(opened).sources.update(source_id(1), [sport])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(
            "DELETE FROM tags WHERE owner LIKE '%-class';"
            " UPDATE tags SET value = 'news, a b' WHERE value = 'news'; DROP INDEX deletion_requests_caller;"
            " ALTER TABLE deletion_requests DROP COLUMN created_by; PRAGMA user_version = 2;"
        )
    for _ in range(2):
        async with open_store(path, "NORMAL", 1000) as opened:
            metadata = Metadata(opened)
            with seen_by("news"):
                assert len(await metadata.all_flows()) == 2
            with seen_by("sport"):
                assert len(await metadata.all_sources()) == 1
                assert await metadata.deletions.latest() == []
