"""No statement of the SQLite engine reads a table from end to end."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from services.metadata.adapters.sqlite.connection import open_writer
from services.metadata.adapters.sqlite.tables import SqliteTables
from services.metadata.application.ports import FlowFilter, SegmentQuery, SourceFilter, Tables
from services.metadata.domain.property import PropertyChange
from services.shared.timerange import NEVER, TimeRange
from tests.support.flows import a_flow, flow_id, source_id
from tests.support.metadata import Metadata, a_segment, an_object

T = TypeVar("T")
Parameters = Sequence[Any] | Mapping[str, Any]


class Recording(sqlite3.Connection):
    """Remembers each statement with parameters that it ran with."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.ran: dict[str, Parameters] = {}

    def execute(self, sql: str, parameters: Parameters = (), /) -> sqlite3.Cursor:
        self.ran[sql] = parameters
        return super().execute(sql, parameters)

    def executemany(self, sql: str, rows: Any, /) -> sqlite3.Cursor:
        listed = list(rows)
        if listed:
            self.ran[sql] = listed[0]
        return super().executemany(sql, listed)


class Direct:
    """A store without transactions, for looking at single statements."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def read(self, query: Callable[[Tables], T]) -> T:
        return query(self._tables)

    scan = write = read


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Recording]:
    path = tmp_path / "tables.db"
    open_writer(path, "NORMAL").close()
    with closing(sqlite3.connect(path, factory=Recording, isolation_level=None)) as opened:
        opened.execute("PRAGMA synchronous = OFF")
        yield opened


async def do_everything(metadata: Metadata) -> None:
    tags = {"a": "1", "b": "2"}
    await metadata.put_flows((1, 2, 3), label="x", tags=tags)
    collection = [{"id": flow_id(1), "role": "r"}]
    await metadata.put(a_flow(4, "multi", flow_collection=collection))
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
    for wanted in conditions:
        await metadata.flows.page(FlowFilter(**wanted), 2, "")
        await metadata.sources.page(SourceFilter(**wanted), 2, "")
    for wanted in (
        {"source_id": source_id(1)},
        {"timerange": NEVER},
        {"timerange": TimeRange(5, 6)},
        {"codec": "a/b", "frame_width": 1, "frame_height": 1},
    ):
        await metadata.flows.page(FlowFilter(**wanted), 2, "")
    for reverse in (False, True):
        for object_id in (None, "out"):
            query = {"object_id": object_id, "reverse": reverse}
            await metadata.all_segments(1, TimeRange(3, 9), **query)
    await metadata.flow(1, TimeRange(3, 9))
    await metadata.references("out")
    await metadata.objects.unmeasured(5)
    await metadata.objects.record_sizes({"inside": None})
    await metadata.objects.record_sizes({"inside": 5})
    await metadata.unregister(1, TimeRange(3, 9), "out")
    await metadata.unregister(1, TimeRange(3, 9))
    await metadata.flows.delete(flow_id(1))


SMALL = ("webhooks",)
# The flows that use one object: found by a seek each, put in order of their ids by sorting them.
USERS = "users"


def whole_scans(connection: Recording) -> Iterator[str]:
    explain = super(Recording, connection).execute
    for sql, parameters in connection.ran.items():
        for *_, step in explain(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall():
            given = "CONSTANT ROW" in step or step.startswith("SCAN json_each")
            small = step.startswith((f"SCAN {USERS}", *(f"SCAN {table}" for table in SMALL)))
            if step.startswith("SCAN ") and not given and not small:
                yield f"{step}: {sql}"


async def test_no_statement_scans_a_table(connection: Recording) -> None:
    await do_everything(Metadata(Direct(SqliteTables.on(connection))))
    assert len(connection.ran) > 40
    assert list(whole_scans(connection)) == []


async def test_no_listing_sorts_what_it_found(connection: Recording) -> None:
    """Rows come out of an index in order, so a page costs what it holds."""
    await do_everything(Metadata(Direct(SqliteTables.on(connection))))
    explain = super(Recording, connection).execute
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


def steps(connection: sqlite3.Connection, work: Callable[[], object]) -> int:
    """How many instructions of SQLite's machine the work takes."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    connection.set_progress_handler(count, 1)
    work()
    connection.set_progress_handler(None, 1)
    return counted


async def test_the_cost_of_a_page_does_not_grow_with_the_flow(connection: Recording) -> None:
    tables = SqliteTables.on(connection)
    metadata = Metadata(Direct(tables))
    for number, length in ((1, 200), (2, 5000)):
        await metadata.put(a_flow(number))
        await metadata.register(number, *(a_segment(t, t + 1, f"{t}") for t in range(length)))
    small, large = list(costs(connection, tables, 1, 100)), list(costs(connection, tables, 2, 2500))
    assert all(there <= here + 50 for here, there in zip(small, large, strict=True)), (small, large)


def costs(connection: Recording, tables: Tables, number: int, middle: int) -> Iterator[int]:
    for query in queries(number, middle):
        yield steps(connection, partial(tables.segments.page, query, 10))
    new = [TimeRange(middle, middle + 1)]
    yield steps(connection, partial(tables.segments.occupied, flow_id(number), new))


def queries(number: int, middle: int) -> Iterator[Any]:
    for reverse in (False, True):
        for after in (None, middle):
            yield SegmentQuery(flow_id(number), TimeRange(), None, reverse, after)
        yield SegmentQuery(flow_id(number), TimeRange(middle, middle + 5), None, reverse)
        yield SegmentQuery(flow_id(number), TimeRange(), f"{middle}", reverse)
