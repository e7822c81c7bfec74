"""Inconsistent rows in SQLite, written without the rules of the store, are found and mended."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.metadata.adapters.sqlite.administration.administration import SqliteAdministration
from services.metadata.adapters.sqlite.administration.examination import SqliteExamination
from services.metadata.adapters.sqlite.store import SqliteStore, open_store
from services.metadata.application.administration.consistency import Consistency, Scope
from services.metadata.domain.property import PropertyChange
from tests.support.metadata.flows import a_flow, flow_id, source_id, uuid_of
from tests.support.metadata.rules import Metadata, a_segment

NOBODY = uuid_of("nobody", 1)
INCONSISTENT_ROWS = {
    "SEGMENT_COUNT": "UPDATE flow_stats SET segments = 9",
    "FLOW_EXTENT": "UPDATE flow_stats SET end_inclusive = 1",
    "UNUSED_OBJECT": """INSERT INTO objects (id, state, created_ms, changed_ms)
        VALUES ('outside', 'registered', 1, 1)""",
    "OBJECT_STATE": "UPDATE objects SET state = 'unreferenced' WHERE id = 'o0'",
    "TAGS_OF_NOBODY": f"INSERT INTO tags VALUES ('flow', 'n', 'v', '{NOBODY}')",
    "CLASSES": f"INSERT INTO tags VALUES ('flow-class', 'c', '', '{flow_id(1)}')",
    "COLLECTION_OF_NOBODY": f"INSERT INTO collections VALUES ('{NOBODY}', 0, '{uuid_of('flow', 1)}', 'r')",
    "MISSING_OBJECT": "DELETE FROM objects WHERE id = 'o1'",
    "DAMAGED_SEGMENT": "UPDATE segments SET doc = X'7b22ff' WHERE start_ns = 20",
    "COLUMNS": "UPDATE flows SET label = 'other'",
    "MISSING_SOURCE": f"DELETE FROM sources WHERE id = '{source_id(1)}'",
    "MISSING_MEMBER": f"DELETE FROM flows WHERE id = '{flow_id(4)}'",
    "SOURCE_OF_NOBODY": f"INSERT INTO sources (id, format, doc) VALUES ('{NOBODY}', 'f', X'7b7d')",
    "SOURCE_COLLECTION": "UPDATE source_links SET items = 7",
}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with open_store(tmp_path / "tables.db", "NORMAL", 1000) as opened:
        yield opened


async def test_inconsistent_rows_are_found_and_mended(store: SqliteStore) -> None:
    metadata = Metadata(store)
    await metadata.put(a_flow(1, label="one", tags={"a": "b"}))
    await metadata.put_flows([4])
    collection = [{"id": flow_id(number), "role": "video"} for number in (1, 4)]
    await metadata.put(a_flow(3, "multi", flow_collection=collection))
    await metadata.register(1, a_segment(0, 10, "o0"), a_segment(10, 20, "o1"), a_segment(20, 30, "o2"))
    before = await metadata.flow(1), await metadata.all_segments(1), await metadata.references("o1")
    consistency = Consistency(store, SqliteAdministration(store), SqliteExamination(store))
    assert (await consistency.check(Scope())).found == []

    def write_inconsistent_rows(connection: sqlite3.Connection) -> None:
        for statement in INCONSISTENT_ROWS.values():
            connection.execute(statement)

    await store.alter(write_inconsistent_rows)
    preview = await consistency.repair(Scope(), confirm="", dry_run=True)
    assert {finding.kind for finding in preview.found} == set(INCONSISTENT_ROWS)
    assert all(finding.mendable and not finding.mended for finding in preview.found)
    repair = await consistency.repair(Scope(), confirm="tables.db", dry_run=False)
    assert all(finding.mended for finding in repair.found)
    assert (await consistency.check(Scope())).found == []
    assert before == (
        await metadata.flow(1),
        await metadata.all_segments(1),
        await metadata.references("o1"),
    )


@pytest.mark.parametrize("damage", [b"{", b"", b"1", b'{"id":"\xff"}'])
async def test_a_lost_document_is_written_from_columns_tags_and_collections(
    store: SqliteStore, damage: bytes
) -> None:
    metadata = Metadata(store)
    await metadata.put(a_flow(2))
    collection = [{"id": flow_id(2), "role": "video"}]
    await metadata.put(a_flow(1, "multi", label="one", tags={"a": "b"}, flow_collection=collection))
    await metadata.sources.update(source_id(1), [PropertyChange(None, "c", b'"d"')])
    before = await metadata.flow(1), await metadata.source(1)
    consistency = Consistency(store, SqliteAdministration(store), SqliteExamination(store))

    def write_inconsistent_rows(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE flows SET doc = ? WHERE id = ?", (damage, flow_id(1)))
        connection.execute("UPDATE sources SET doc = ? WHERE id = ?", (damage, source_id(1)))

    await store.alter(write_inconsistent_rows)
    repair = await consistency.repair(Scope(), confirm="tables.db", dry_run=False)
    assert {(finding.kind, finding.table) for finding in repair.found if finding.mended} >= {
        ("DAMAGED_DOCUMENT", "flows"), ("DAMAGED_DOCUMENT", "sources"),
    }  # fmt: skip
    assert (await consistency.check(Scope())).found == []
    after = await metadata.flow(1), await metadata.source(1)
    times = {"created", "updated", "metadata_updated", "metadata_version"}
    for old, new in zip(before, after, strict=True):
        assert {name: old[name] for name in old.keys() - times} == {
            name: new[name] for name in new.keys() - times
        }
