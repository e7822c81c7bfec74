"""No statement of the SQLite engine reads a table from end to end."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from services.metadata.adapters.sqlite.file.connection import open_writer
from services.metadata.adapters.sqlite.tables import SqliteTables
from services.metadata.application.objects.copies import ObjectCopies
from services.metadata.application.objects.idle_copies import IdleCopies
from services.metadata.application.ports import FlowFilter, SegmentQuery, SourceFilter, Tables
from services.metadata.domain.documents.text_digest import TextDigest
from services.metadata.domain.objects.object import Place
from services.metadata.domain.property import PropertyChange
from services.shared.timerange import NEVER, TimeRange
from tests.support.metadata.classes import seen_by
from tests.support.metadata.flows import a_flow, flow_id, source_id
from tests.support.metadata.rules import Metadata, a_segment, an_object

T = TypeVar("T")
Parameters = Sequence[Any] | Mapping[str, Any]


class RecordingConnection(sqlite3.Connection):
    """A connection that records each statement with some of its parameters."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.ran: dict[str, Parameters] = {}

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        self.ran[sql] = parameters
        return super().execute(sql, parameters)

    def executemany(self, sql: str, rows: Any, /) -> sqlite3.Cursor:
        materialized = list(rows)
        if materialized:
            self.ran[sql] = materialized[0]
        return super().executemany(sql, materialized)


class DirectStore:
    """A store without transactions, which runs queries and changes on a connection directly."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def read(self, query: Callable[[Tables], T]) -> T:
        return query(self._tables)

    scan = write = read

    async def probe(self) -> None:
        """The store is always readable."""


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[RecordingConnection]:
    path = tmp_path / "tables.db"
    open_writer(path, "NORMAL").close()
    with closing(sqlite3.connect(path, factory=RecordingConnection, isolation_level=None)) as opened:
        opened.execute("PRAGMA synchronous = OFF")
        yield opened


async def run_all_statements(metadata: Metadata) -> None:
    tags = {"a": "1", "b": "2"}
    await metadata.put_flows((1, 2, 3), label="x", tags=tags)
    collection = [{"id": flow_id(1), "role": "r"}]
    await metadata.put(a_flow(4, "multi", flow_collection=collection))
    await metadata.put(a_flow(5, "multi", flow_collection=[{"id": flow_id(2), "role": "r"}]))
    await metadata.put(a_flow(6, "multi", flow_collection=[{"id": flow_id(3), "role": "r"}]))
    await metadata.put(a_flow(3, tags=tags, flow_collection=[{"id": flow_id(5), "role": "r"}]))
    await metadata.objects.reserve(flow_id(1), [an_object("inside")])
    await metadata.register(1, *(a_segment(t, t + 1, ["inside", "out"][t % 2]) for t in range(60)))
    await metadata.sources.update(source_id(1), [PropertyChange(None, "a", b'"1"')])
    conditions: list[dict[str, Any]] = [
        {},
        {"label": "x"},
        {"tags": {"a": "1"}},
        {"tags": tags, "tag_exists": {"c": False, "a": True}},
        {"format": "urn:x-nmos:format:video"},
    ]
    for filters in conditions:
        await metadata.flows.page(FlowFilter(**filters), 2, "")
        await metadata.sources.page(SourceFilter(**filters), 2, "")
    for filters in (
        {"source_id": source_id(1)},
        {"timerange": NEVER},
        {"timerange": TimeRange(5, 6)},
        {"codec": "a/b", "frame_width": 1, "frame_height": 1},
    ):
        await metadata.flows.page(FlowFilter(**filters), 2, "")
    await run_statements_of_classes(metadata, conditions)
    first = await metadata.store.read(lambda tables: tables.flows.tagged("a", None, 1))
    assert len(await metadata.store.read(lambda tables: tables.flows.tagged("a", first[0], 5))) == 2
    for reverse in (False, True):
        for object_id in (None, "out"):
            await metadata.all_segments(1, TimeRange(3, 9), object_id, reverse=reverse)
    await metadata.flow(1, TimeRange(3, 9))
    await metadata.references("out")
    await metadata.objects.unmeasured(5)
    await metadata.objects.record_sizes({"inside": None})
    await metadata.objects.record_sizes({"inside": 5})
    await run_statements_of_copies(metadata)
    await metadata.unregister(1, TimeRange(3, 9), "out")
    await metadata.unregister(1, TimeRange(3, 9))
    await metadata.flows.delete(flow_id(1))


async def run_statements_of_copies(metadata: Metadata) -> None:
    copies, place = ObjectCopies(metadata.store, metadata.clock), Place("inside", ELSEWHERE, "copy")
    for _ in range(2):
        await copies.begin([place])
        await copies.finish([place], move=True)
        place = an_object("inside")
    await copies.retire("inside", ELSEWHERE)
    idle = IdleCopies(metadata.store, metadata.clock)
    assert len(await idle.claim(0, 5)) == 1
    await idle.forget([Place("inside", ELSEWHERE, "copy")])


async def run_statements_of_classes(metadata: Metadata, conditions: list[dict[str, Any]]) -> None:
    for classes in (["news"], ["news", "sport", "weather"]):
        with seen_by(*classes):
            digest = TextDigest("x" * 10, b"0" * 16)
            await metadata.flows.page(FlowFilter(label_digest=digest), 2, "")
            await metadata.flows.page(FlowFilter(tag_digests={"a": digest}), 2, "")
            for filters in conditions:
                await metadata.flows.page(FlowFilter(**filters), 2, "")
                await metadata.sources.page(SourceFilter(**filters), 2, "")
            await metadata.trash.page(None, None, 2, "")
            await metadata.trash.page(flow_id(1), None, 2, "")
            await metadata.deletions.latest()
            await metadata.objects.locate(["inside", "out"])


ELSEWHERE = "5d1f6a2e-0000-4000-8000-00000000000b"
SMALL = ("webhooks", "storage_backends")
# The query of the flows that use an object. It seeks each of them, and sorts them by their ids.
USERS = "users"


def full_scans(connection: RecordingConnection) -> Iterator[str]:
    explain = super(RecordingConnection, connection).execute
    for sql, parameters in connection.ran.items():
        for *_, step in explain(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall():
            constant = "CONSTANT ROW" in step or step.startswith(("SCAN json_each", "SCAN (subquery"))
            small = step.startswith((f"SCAN {USERS}", *(f"SCAN {table}" for table in SMALL)))
            if step.startswith("SCAN ") and not constant and not small:
                yield f"{step}: {sql}"


async def test_no_statement_scans_a_table(connection: RecordingConnection) -> None:
    await run_all_statements(Metadata(DirectStore(SqliteTables.on(connection))))
    assert len(connection.ran) > 40
    assert list(full_scans(connection)) == []


async def test_no_list_sorts_its_rows(connection: RecordingConnection) -> None:
    """Rows are read in the order of an index, so the cost of a page depends on its size alone."""
    await run_all_statements(Metadata(DirectStore(SqliteTables.on(connection))))
    explain = super(RecordingConnection, connection).execute
    sorting = [
        sql
        for sql, parameters in connection.ran.items()
        if "LIMIT" in sql
        and USERS not in sql
        and any(
            "TEMP B-TREE" in row[3] for row in explain(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
        )
    ]
    assert sorting == []


def count_steps(connection: sqlite3.Connection, work: Callable[[], object]) -> int:
    """The number of instructions of SQLite's virtual machine that the work takes."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.set_progress_handler(count, 1)
    work()
    connection.set_progress_handler(None, 1)
    return steps


async def test_the_cost_of_a_page_does_not_grow_with_the_flow(connection: RecordingConnection) -> None:
    tables = SqliteTables.on(connection)
    metadata = Metadata(DirectStore(tables))
    for number, length in ((1, 200), (2, 5000)):
        await metadata.put(a_flow(number))
        await metadata.register(number, *(a_segment(t, t + 1, f"{t}") for t in range(length)))
    small, large = list(costs(connection, tables, 1, 100)), list(costs(connection, tables, 2, 2500))
    assert all(more <= few + 50 for few, more in zip(small, large, strict=True)), (small, large)


def costs(connection: RecordingConnection, tables: Tables, number: int, middle: int) -> Iterator[int]:
    for query in queries(number, middle):
        yield count_steps(connection, partial(tables.segments.page, query, 10))
    new = [TimeRange(middle, middle + 1)]
    yield count_steps(connection, partial(tables.segments.occupied, flow_id(number), new))


def queries(number: int, middle: int) -> Iterator[Any]:
    for reverse in (False, True):
        for after in (None, middle):
            yield SegmentQuery(flow_id(number), TimeRange(), None, reverse, after)
        yield SegmentQuery(flow_id(number), TimeRange(middle, middle + 5), None, reverse)
        yield SegmentQuery(flow_id(number), TimeRange(), f"{middle}", reverse)


@pytest.mark.parametrize("classes", [["few"], ["few", "other", "none"]])
async def test_the_cost_of_a_page_does_not_grow_with_what_is_hidden(
    connection: RecordingConnection, classes: list[str]
) -> None:
    tables = SqliteTables.on(connection)
    metadata = Metadata(DirectStore(tables))
    steps = []
    for hidden in (range(20, 120), range(120, 1500)):
        for number in hidden:
            name = "few" if number < 40 else "many"
            await metadata.put(a_flow(number, source=1, label="x", tags={"auth_classes": name, "a": "1"}))
        steps.append([*costs_of_lists(connection, tables, frozenset(classes))])
    small, large = steps
    assert all(more <= few + 200 for few, more in zip(small, large, strict=True)), steps


def costs_of_lists(connection: RecordingConnection, tables: Tables, classes: frozenset[str]) -> Iterator[int]:
    filters: list[dict[str, Any]] = [
        {}, {"label": "x"}, {"tags": {"a": "1"}}, {"source_id": source_id(1)}, {"codec": "a/b"}
    ]  # fmt: skip
    for wanted in filters:
        criteria = FlowFilter(**wanted, classes=classes)
        yield count_steps(connection, partial(tables.flows.page, criteria, None, 50))
