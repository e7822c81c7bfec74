import asyncio

import pyarrow as pa
import pytest

from services.metadata.adapters.sqlite.administration import SqliteAdministration
from services.metadata.adapters.sqlite.store import SqliteStore
from services.metadata.adapters.vast.administration import VastAdministration
from services.metadata.adapters.vast.store import VastStore
from services.metadata.application.consistency import Consistency
from services.metadata.application.ports.administration import Administration
from services.metadata.application.ports.queries import ServiceInfo
from services.metadata.application.table_admin import TableAdmin
from services.metadata.domain.property import PropertyChange
from services.shared.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from services.shared.vast.filters import EVERYTHING
from services.shared.vast.plans import Kind
from services.shared.vast.transaction import ROW_ID
from tests.support.flows import flow_id, source_id
from tests.support.metadata import a_segment


def administration_of(store) -> Administration:
    if isinstance(store, SqliteStore):
        return SqliteAdministration(store)
    assert isinstance(store, VastStore)
    return VastAdministration(store)


@pytest.fixture
def tables(store):
    return administration_of(store)


@pytest.fixture
def admin(tables):
    return TableAdmin(tables)


@pytest.fixture
def consistency(store, tables):
    return Consistency(store, tables)


async def names(admin, table):
    (found,) = [one for one in await admin.tables() if one.name == table]
    return [column.name for column in found.columns]


async def test_own_tables_are_listed_with_typed_columns_and_nothing_is_missing(admin):
    tables = await admin.tables()
    assert {"sources", "flows", "segments", "objects", "webhooks"} <= {one.name for one in tables}
    assert all(one.own and all(column.own for column in one.columns) for one in tables)
    (segments,) = [one for one in tables if one.name == "segments"]
    assert [segments.column(name).type for name in ("start_ns", "object_id", "doc")] == [
        "int64", "string", "binary",
    ]  # fmt: skip
    assert admin.missing(tables) == []
    assert admin.missing([one for one in tables if one.name != "flows"]) == ["flows"]
    fewer = segments._replace(columns=[one for one in segments.columns if one.name != "doc"])
    assert admin.missing([fewer, *(one for one in tables if one.name != "segments")]) == ["segments.doc"]


async def test_a_column_is_added_renamed_and_dropped(admin):
    dry = await admin.add_column("flows", "rating", "int64", dry_run=True)
    assert (dry.done, "rating" in await names(admin, "flows")) == (False, False)
    added = await admin.add_column("flows", "rating", "int64", dry_run=False)
    assert added.done
    assert await admin.column("flows", "rating") == added.column
    renamed = await admin.rename_column("flows", "rating", "stars", confirm="rating", dry_run=False)
    assert (renamed.column.name, renamed.values) == ("stars", 0)
    assert "stars" in await names(admin, "flows")
    assert not (await admin.drop_column("flows", "stars", confirm="", dry_run=True)).done
    assert (await admin.drop_column("flows", "stars", confirm="stars", dry_run=False)).done
    with pytest.raises(NotFound) as none:
        await admin.column("flows", "stars")
    assert none.value.reason == "COLUMN_NOT_FOUND"


@pytest.mark.parametrize("type_name", ["string", "int64", "float64", "binary", "bool"])
async def test_columns_of_every_type(admin, type_name):
    await admin.add_column("sources", "extra", type_name, dry_run=False)
    told = (await admin.column("sources", "extra")).type
    assert told == type_name or (admin.engine, type_name, told) == ("sqlite", "bool", "int64")


async def test_what_cannot_be_changed_is_refused_and_stays(admin):
    before = await names(admin, "flows")
    add = admin.add_column
    with pytest.raises(NotFound):
        await add("nothing", "rating", "int64", dry_run=False)
    with pytest.raises(AlreadyExists):
        await add("flows", "label", "string", dry_run=True)
    for bad in ("", "Rating", "1st", "x" * 64, 'a" TEXT); DROP TABLE flows; --'):
        with pytest.raises(InvalidArgument):
            await add("flows", bad, "string", dry_run=False)
    with pytest.raises(InvalidArgument):
        await add("flows", "rating", "varchar", dry_run=False)
    with pytest.raises(PermissionDenied):
        await admin.drop_column("flows", "label", confirm="label", dry_run=False)
    with pytest.raises(PermissionDenied):
        await admin.rename_column("flows", "doc", "document", confirm="doc", dry_run=False)
    await add("flows", "rating", "int64", dry_run=False)
    with pytest.raises(FailedPrecondition) as unconfirmed:
        await admin.drop_column("flows", "rating", confirm="yes", dry_run=False)
    assert unconfirmed.value.reason == "NOT_CONFIRMED"
    with pytest.raises(AlreadyExists):
        await admin.rename_column("flows", "rating", "label", confirm="rating", dry_run=False)
    assert await names(admin, "flows") == [*before, "rating"]


async def note_everything(store, table):
    """Writes a value of a foreign column into all rows, as its owner does."""
    if isinstance(store, SqliteStore):
        await store.alter(lambda connection: connection.execute(f"UPDATE {table} SET note = 'mine'"))
        return

    def write(transaction):
        found = transaction.select(table, ["note"], EVERYTHING, kind=Kind.SCAN, row_ids=True)
        notes = pa.array(["mine"] * found.num_rows, pa.string())
        transaction.update(table, pa.table({ROW_ID: found[ROW_ID], "note": notes}))
        transaction.commit()

    await asyncio.to_thread(store.cluster.run, write)


async def test_what_others_keep_in_their_columns_stays_when_rows_change(admin, metadata, store):
    await metadata.put_flows([1], label="old")
    assert await metadata.register(1, a_segment(0, 10)) == []
    for table in ("sources", "flows", "segments", "objects"):
        await admin.add_column(table, "note", "string", dry_run=False)
        await note_everything(store, table)
    await metadata.put_flows([1], label="new")
    assert await metadata.register(1, a_segment(10, 20)) == []
    change = [PropertyChange("label", None, b'"new"')]
    await metadata.sources.update(source_id(1), change)
    for table in ("sources", "flows", "segments", "objects"):
        dropped = await admin.drop_column(table, "note", confirm="note", dry_run=False)
        assert (table, dropped.values) == (table, 1)
    assert len(await metadata.all_segments(1)) == 2


async def test_columns_of_others_live_through_what_the_service_does(admin, metadata):
    for table in ("sources", "flows", "segments", "objects"):
        await admin.add_column(table, "note", "string", dry_run=False)
    await metadata.put_flows([1])
    assert await metadata.register(1, a_segment(0, 10)) == []
    await metadata.put_flows([1], label="new")
    await metadata.flows.delete(flow_id(1))
    for table in ("sources", "flows", "segments", "objects"):
        assert "note" in await names(admin, table)


async def test_projections_come_and_go(admin):
    assert [one for one in await admin.projections("segments") if one.own]
    await admin.add_column("objects", "note", "string", dry_run=False)
    made = await admin.create_projection("objects", "by_note", ["note"], ["id"])
    assert (made.name, made.own, made.status) == ("by_note", False, "ready")
    assert set(made.sorted_by) | set(made.also) == {"note", "id"}
    with pytest.raises(AlreadyExists):
        await admin.create_projection("objects", "by_note", ["note"], [])
    await admin.drop_projection("objects", "by_note")
    with pytest.raises(NotFound):
        await admin.drop_projection("objects", "by_note")


async def test_projections_that_cannot_be(admin):
    with pytest.raises(InvalidArgument):
        await admin.create_projection("objects", "by_nothing", [], [])
    with pytest.raises(NotFound):
        await admin.create_projection("objects", "by_note", ["note"], [])
    with pytest.raises(NotFound):
        await admin.projections("nothing")
    own = next(one.name for one in await admin.projections("segments") if one.own)
    with pytest.raises(PermissionDenied):
        await admin.drop_projection("segments", own)


async def test_a_reset_asks_for_the_schema_and_takes_everything(admin, metadata, engine):
    await metadata.put_flows([1])
    await metadata.register(1, a_segment(0, 10), a_segment(10, 20))
    await admin.add_column("flows", "note", "string", dry_run=False)
    await engine.store.write(lambda tables: tables.service_info.put(ServiceInfo("mine", None)))
    with pytest.raises(FailedPrecondition):
        await admin.reset(confirm="flows", dry_run=False)
    held = {one.name: one.rows for one in await admin.reset(confirm="", dry_run=True)}
    assert (held["flows"], held["segments"]) == (1, 2)
    assert len(engine.rows("segments")) == 2
    await admin.reset(confirm=admin.schema, dry_run=False)
    for table in ("sources", "flows", "segments", "objects", "service_info"):
        assert engine.rows(table) == []
    assert "note" not in await names(admin, "flows")
    await metadata.put_flows([1])
    assert await metadata.register(1, a_segment(0, 10)) == []
    assert len(engine.rows("segments")) == 1


async def test_refresh_finds_what_was_there(admin, metadata):
    await metadata.put_flows([1])
    await admin.refresh()
    assert (await metadata.flow(1))["id"] == flow_id(1)


async def test_consistent_tables_pass(consistency, metadata):
    for number in range(1, 4):
        await metadata.put_flows([number])
        await metadata.register(number, a_segment(0, 10), a_segment(10, 20), a_segment(30, 40))
    seen = await consistency.check(0, 0)
    assert (seen.found, seen.flows, seen.segments, seen.complete) == ([], 3, 9, True)


async def test_limits_bound_what_is_looked_at(consistency, metadata):
    for number in range(1, 4):
        await metadata.put_flows([number])
        await metadata.register(number, a_segment(0, 10), a_segment(10, 20))
    assert (await consistency.check(2, 0))[1:] == (2, 4, False)
    assert (await consistency.check(0, 3))[2:] == (3, False)
    for bad in (-1, 100_001):
        with pytest.raises(InvalidArgument):
            await consistency.check(bad, 0)


async def test_inconsistencies_are_found(consistency, metadata, store):
    await metadata.put_flows([1])
    await metadata.register(1, a_segment(0, 10, "lost"), a_segment(20, 30))

    def damage(tables):
        tables.objects.forget(["lost"])
        tables.sources.delete(tables.flows.get(flow_id(1)).source_id)

    await store.write(damage)
    seen = await consistency.check(0, 0)
    assert {(one.kind, one.table, one.id) for one in seen.found} == {
        ("MISSING_OBJECT", "flows", flow_id(1)),
        ("MISSING_SOURCE", "flows", flow_id(1)),
    }
