import asyncio

import pyarrow as pa
import pytest

from services.metadata.adapters.sqlite.administration.administration import SqliteAdministration
from services.metadata.adapters.sqlite.administration.examination import SqliteExamination
from services.metadata.adapters.sqlite.store import SqliteStore
from services.metadata.adapters.vast.administration.administration import VastAdministration
from services.metadata.adapters.vast.examination.examination import VastExamination
from services.metadata.adapters.vast.store import VastStore
from services.metadata.application.administration.administration import TableAdministration
from services.metadata.application.administration.consistency import Consistency, Scope
from services.metadata.application.ports import Store, Tables
from services.metadata.application.ports.administration import Administration
from services.metadata.application.ports.examination import Examination
from services.metadata.application.ports.queries import ServiceInfo
from services.metadata.domain.accounts.api_key import ApiKey
from services.metadata.domain.accounts.user import User
from services.metadata.domain.property import PropertyChange
from services.shared.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from services.vast_client.filters.filters import EVERYTHING
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import ROW_ID, Transaction
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.flows import a_flow, flow_id, source_id
from tests.support.metadata.rules import Metadata, a_segment, object_ids
from tests.support.vast.clusters import vast_cluster_of


def administration_of(store: Store) -> Administration:
    if isinstance(store, SqliteStore):
        return SqliteAdministration(store)
    assert isinstance(store, VastStore)
    return VastAdministration(store)


def examination_of(store: Store) -> Examination:
    if isinstance(store, SqliteStore):
        return SqliteExamination(store)
    assert isinstance(store, VastStore)
    return VastExamination(store)


@pytest.fixture
def tables(store: Store) -> Administration:
    return administration_of(store)


@pytest.fixture
def admin(tables: Administration) -> TableAdministration:
    return TableAdministration(tables)


@pytest.fixture
def consistency(store: Store, tables: Administration) -> Consistency:
    return Consistency(store, tables, examination_of(store))


async def column_names(admin: TableAdministration, table: str) -> list[str]:
    (found,) = [described for described in await admin.tables() if described.name == table]
    return [column.name for column in found.columns]


async def test_own_tables_are_listed_with_typed_columns_and_none_is_missing(
    admin: TableAdministration,
) -> None:
    tables = await admin.tables()
    assert {"sources", "flows", "segments", "objects", "webhooks"} <= {table.name for table in tables}
    assert all(table.own and all(column.own for column in table.columns) for table in tables)
    (segments,) = [table for table in tables if table.name == "segments"]
    types = {column.name: column.type for column in segments.columns}
    assert (types["start_ns"], types["object_id"], types["doc"]) == ("int64", "string", "binary")
    assert admin.missing(tables) == []
    assert admin.missing([table for table in tables if table.name != "flows"]) == ["flows"]
    without_doc = segments._replace(columns=[column for column in segments.columns if column.name != "doc"])
    assert admin.missing([without_doc, *(table for table in tables if table.name != "segments")]) == [
        "segments.doc"
    ]


async def test_a_column_is_added_renamed_and_dropped(admin: TableAdministration) -> None:
    preview = await admin.add_column("flows", "rating", "int64", dry_run=True)
    assert (preview.done, "rating" in await column_names(admin, "flows")) == (False, False)
    added = await admin.add_column("flows", "rating", "int64", dry_run=False)
    assert added.done
    assert await admin.column("flows", "rating") == added.column
    renamed = await admin.rename_column("flows", "rating", "stars", confirm="rating", dry_run=False)
    assert (renamed.column.name, renamed.values) == ("stars", 0)
    assert "stars" in await column_names(admin, "flows")
    assert not (await admin.drop_column("flows", "stars", confirm="", dry_run=True)).done
    assert (await admin.drop_column("flows", "stars", confirm="stars", dry_run=False)).done
    with pytest.raises(NotFound) as caught:
        await admin.column("flows", "stars")
    assert caught.value.reason == "COLUMN_NOT_FOUND"


@pytest.mark.parametrize("type_name", ["string", "int64", "float64", "binary", "bool"])
async def test_a_column_of_each_type_can_be_added(admin: TableAdministration, type_name: str) -> None:
    await admin.add_column("sources", "extra", type_name, dry_run=False)
    stored_type = (await admin.column("sources", "extra")).type
    assert stored_type == type_name or (admin.engine, type_name, stored_type) == ("sqlite", "bool", "int64")


async def test_an_invalid_change_of_columns_is_refused(admin: TableAdministration) -> None:
    before = await column_names(admin, "flows")
    add = admin.add_column
    with pytest.raises(NotFound):
        await add("nothing", "rating", "int64", dry_run=False)
    with pytest.raises(AlreadyExists):
        await add("flows", "label", "string", dry_run=True)
    for invalid in ("", "Rating", "1st", "x" * 64, 'a" TEXT); DROP TABLE flows; --'):
        with pytest.raises(InvalidArgument):
            await add("flows", invalid, "string", dry_run=False)
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
    assert await column_names(admin, "flows") == [*before, "rating"]


async def write_notes(store: Store, table: str) -> None:
    """Write a value of a foreign column into all rows, as its owner does."""
    if isinstance(store, SqliteStore):
        await store.alter(lambda connection: connection.execute(f"UPDATE {table} SET note = 'mine'"))
        return

    def write(transaction: Transaction) -> None:
        rows = transaction.select(table, ["note"], EVERYTHING, kind=Kind.SCAN, row_ids=True)
        notes = pa.array(["mine"] * rows.num_rows, pa.string())
        transaction.update(table, pa.table({ROW_ID: rows[ROW_ID], "note": notes}))
        transaction.commit()

    await asyncio.to_thread(vast_cluster_of(store).run, write)


async def test_values_of_foreign_columns_stay_when_rows_change(
    admin: TableAdministration, metadata: Metadata, store: Store
) -> None:
    await metadata.put_flows([1], label="old")
    assert await metadata.register(1, a_segment(0, 10)) == []
    for table in ("sources", "flows", "segments", "objects"):
        await admin.add_column(table, "note", "string", dry_run=False)
        await write_notes(store, table)
    await metadata.put_flows([1], label="new")
    assert await metadata.register(1, a_segment(10, 20)) == []
    change = [PropertyChange("label", None, b'"new"')]
    await metadata.sources.update(source_id(1), change)
    for table in ("sources", "flows", "segments", "objects"):
        dropped = await admin.drop_column(table, "note", confirm="note", dry_run=False)
        assert (table, dropped.values) == (table, 1)
    assert len(await metadata.all_segments(1)) == 2


async def test_foreign_columns_stay_through_all_changes_of_the_service(
    admin: TableAdministration, metadata: Metadata
) -> None:
    for table in ("sources", "flows", "segments", "objects"):
        await admin.add_column(table, "note", "string", dry_run=False)
    await metadata.put_flows([1])
    assert await metadata.register(1, a_segment(0, 10)) == []
    await metadata.put_flows([1], label="new")
    await metadata.flows.delete(flow_id(1))
    for table in ("sources", "flows", "segments", "objects"):
        assert "note" in await column_names(admin, table)


@pytest.mark.parametrize("name", ["vastdb_rowid", "vastdb_x", "$row_id", "$x"])
async def test_reserved_names_of_columns_are_refused(admin: TableAdministration, name: str) -> None:
    reason = "BAD_NAME" if name.startswith("$") else "RESERVED_NAME"
    with pytest.raises(InvalidArgument) as added:
        await admin.add_column("flows", name, "int64", dry_run=True)
    await admin.add_column("flows", "note", "int64", dry_run=False)
    with pytest.raises(InvalidArgument) as renamed:
        await admin.rename_column("flows", "note", name, confirm="note", dry_run=False)
    assert {added.value.reason, renamed.value.reason} == {reason}


async def create_foreign_table(store: Store, name: str) -> None:
    """Create a foreign table with one column."""
    if isinstance(store, SqliteStore):
        await store.alter(lambda connection: connection.execute(f"CREATE TABLE {name} (a INTEGER)"))
        await store.alter(lambda connection: connection.execute(f"INSERT INTO {name} VALUES (1)"))
        return

    def create(transaction: Transaction) -> None:
        schema = transaction.raw.bucket("vastdb").schema("tams")
        schema.create_table(name, pa.schema({"a": pa.int64()})).insert(pa.table({"a": [1]}))
        transaction.commit()

    await asyncio.to_thread(vast_cluster_of(store).run, create)


async def test_a_reset_leaves_foreign_tables(
    admin: TableAdministration, metadata: Metadata, store: Store
) -> None:
    await create_foreign_table(store, "theirs")
    await metadata.put_flows([1])
    assert "theirs" not in {table.name for table in await admin.reset(confirm="", dry_run=True)}
    await admin.reset(confirm=admin.schema, dry_run=False)
    rows = {table.name: table.rows for table in await admin.tables()}
    assert (rows["theirs"], rows["flows"]) == (1, 0)


async def test_calls_succeed_during_a_reset(admin: TableAdministration, metadata: Metadata) -> None:
    await metadata.put_flows([1])
    resetting = asyncio.create_task(admin.reset(confirm=admin.schema, dry_run=False))
    number = 2
    while not resetting.done():
        await metadata.put_flows([number])
        await metadata.all_flows()
        number += 1
    await resetting
    await metadata.put_flows([1])
    assert (await metadata.flow(1))["id"] == flow_id(1)


async def test_the_only_column_of_a_table_cannot_be_dropped(admin: TableAdministration, store: Store) -> None:
    await create_foreign_table(store, "theirs")
    with pytest.raises(FailedPrecondition) as caught:
        await admin.drop_column("theirs", "a", confirm="a", dry_run=False)
    assert caught.value.reason == "ONLY_COLUMN"


async def test_a_foreign_projection_is_listed_with_its_order(
    admin: TableAdministration, engine: Engine
) -> None:
    await admin.create_projection("objects", "by_state_and_size", ["state", "size"], ["id"])
    (projection,) = [
        listed for listed in await admin.projections("objects") if listed.name == "by_state_and_size"
    ]
    if admin.engine == "vast":
        assert (projection.sorted_by, projection.also) == (["state", "size"], ["id"])
    else:
        assert projection.sorted_by == ["state", "size", "id"]
    for also in (["state"], ["id", "id"]):
        with pytest.raises(InvalidArgument) as caught:
            await admin.create_projection("objects", "other", ["state"], also)
        assert caught.value.reason == "BAD_PROJECTION"


async def test_a_projection_is_created_and_dropped(admin: TableAdministration) -> None:
    assert [projection for projection in await admin.projections("segments") if projection.own]
    await admin.add_column("objects", "note", "string", dry_run=False)
    created = await admin.create_projection("objects", "by_note", ["note"], ["id"])
    assert (created.name, created.own, created.status) == ("by_note", False, "ready")
    assert set(created.sorted_by) | set(created.also) == {"note", "id"}
    with pytest.raises(AlreadyExists):
        await admin.create_projection("objects", "by_note", ["note"], [])
    await admin.drop_projection("objects", "by_note")
    with pytest.raises(NotFound):
        await admin.drop_projection("objects", "by_note")


async def test_an_invalid_projection_is_refused(admin: TableAdministration) -> None:
    with pytest.raises(InvalidArgument):
        await admin.create_projection("objects", "by_nothing", [], [])
    with pytest.raises(NotFound):
        await admin.create_projection("objects", "by_note", ["note"], [])
    with pytest.raises(NotFound):
        await admin.projections("nothing")
    own = next(projection.name for projection in await admin.projections("segments") if projection.own)
    with pytest.raises(PermissionDenied):
        await admin.drop_projection("segments", own)


async def test_a_reset_with_the_name_of_the_schema_deletes_everything(
    admin: TableAdministration, metadata: Metadata, engine: Engine
) -> None:
    await metadata.put_flows([1])
    await metadata.register(1, a_segment(0, 10), a_segment(10, 20))
    await admin.add_column("flows", "note", "string", dry_run=False)
    await engine.store.write(lambda tables: tables.service_info.put(ServiceInfo("mine", None)))
    with pytest.raises(FailedPrecondition):
        await admin.reset(confirm="flows", dry_run=False)
    preview = {table.name: table.rows for table in await admin.reset(confirm="", dry_run=True)}
    assert (preview["flows"], preview["segments"]) == (1, 2)
    assert len(engine.rows("segments")) == 2
    await admin.reset(confirm=admin.schema, dry_run=False)
    for table in ("sources", "flows", "segments", "objects", "service_info"):
        assert engine.rows(table) == []
    assert "note" not in await column_names(admin, "flows")
    await metadata.put_flows([1])
    assert await metadata.register(1, a_segment(0, 10)) == []
    assert len(engine.rows("segments")) == 1


async def test_a_reset_keeps_users_and_api_keys(
    admin: TableAdministration, metadata: Metadata, engine: Engine
) -> None:
    user = User(name="alice", password_hash="h", scopes=frozenset(), created_ms=1, changed_ms=1)
    key = ApiKey(id="0" * 16, name="ingest", secret_hash=b"h", scopes=frozenset(), created_ms=1)

    def add(tables: Tables) -> None:
        tables.users.put(user)
        tables.api_keys.put(key)

    await engine.store.write(add)
    await metadata.put_flows([1])
    emptied = {table.name for table in await admin.reset(confirm=admin.schema, dry_run=False)}
    assert "flows" in emptied
    assert emptied.isdisjoint({"users", "api_keys"})
    assert engine.rows("flows") == []
    assert await engine.store.read(lambda tables: tables.users.all()) == [user]
    assert await engine.store.read(lambda tables: tables.api_keys.all()) == [key]


async def test_rows_are_read_again_after_a_refresh(admin: TableAdministration, metadata: Metadata) -> None:
    await metadata.put_flows([1])
    await admin.refresh()
    assert (await metadata.flow(1))["id"] == flow_id(1)


async def test_tables_that_do_not_fit_are_described(admin: TableAdministration) -> None:
    tables = await admin.tables()
    assert admin.unfit(tables) == []
    (flows,) = [table for table in tables if table.name == "flows"]
    other = [
        column._replace(type="float64") if column.name == "label" else column for column in flows.columns
    ]
    assert admin.unfit([flows._replace(columns=other)]) == [
        "table flows, column label: the type is float64, it must be string"
    ]
    if admin.engine == "vast":
        assert admin.unfit([flows._replace(sorted_by=["label"])]) == [
            "table flows: sorted by label, it must be sorted by id"
        ]


async def test_consistent_tables_have_no_findings(consistency: Consistency, metadata: Metadata) -> None:
    for number in range(1, 4):
        await metadata.put_flows([number])
        await metadata.register(number, a_segment(0, 10), a_segment(10, 20), a_segment(30, 40))
    seen = await consistency.check(Scope())
    assert (seen.found, seen.flows, seen.segments, seen.complete) == ([], 3, 9, True)


async def test_intact_tables_are_not_damaged(metadata: Metadata, tables: Administration) -> None:
    await metadata.put(a_flow(1, tags={"a": "b", "c": "d"}))
    found, complete = await tables.damage()
    assert (list(found), complete) == ([], True)


async def test_limits_bound_a_check(consistency: Consistency, metadata: Metadata) -> None:
    for number in range(1, 4):
        await metadata.put_flows([number])
        await metadata.register(number, a_segment(0, 10), a_segment(10, 20))
    assert (await consistency.check(Scope(2, 0)))[1:4] == (2, 4, False)
    assert (await consistency.check(Scope(0, 3)))[2:4] == (3, False)
    for invalid in (-1, 100_001):
        with pytest.raises(InvalidArgument):
            await consistency.check(Scope(invalid, 0))


async def test_a_check_that_stops_at_its_findings_does_not_compare_the_count_of_segments(
    consistency: Consistency, metadata: Metadata, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    walking = "services.metadata.application.administration.walking"
    monkeypatch.setattr(f"{walking}._PAGE", 10)
    monkeypatch.setattr(f"{walking}.MAX_FOUND", 3)
    await metadata.put_flows([1])
    await metadata.register(1, *(a_segment(start, start + 1, f"o{start}") for start in range(60)))
    await store.write(lambda tables: tables.objects.forget(object_ids(*(f"o{start}" for start in range(60)))))
    seen = await consistency.check(Scope())
    assert {finding.kind for finding in seen.found} == {"MISSING_OBJECT"}
    assert not seen.complete


async def test_missing_objects_and_sources_are_found(
    consistency: Consistency, metadata: Metadata, store: Store
) -> None:
    await metadata.put_flows([1])
    await metadata.register(1, a_segment(0, 10, "lost"), a_segment(20, 30))

    def damage(tables: Tables) -> None:
        tables.objects.forget(object_ids("lost"))
        flow = tables.flows.get(flow_id(1))
        assert flow is not None
        tables.sources.delete(flow.source_id)

    await store.write(damage)
    seen = await consistency.check(Scope())
    assert {(finding.kind, finding.table, finding.id) for finding in seen.found} == {
        ("MISSING_OBJECT", "flows", flow_id(1)),
        ("MISSING_SOURCE", "flows", flow_id(1)),
    }
