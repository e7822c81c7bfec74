"""Transactions with the real SDK: their requests, their size, and the health of endpoints."""

from typing import Any

import pyarrow as pa
import pytest

from services.vast_client.cluster import Cluster
from services.vast_client.failures import Clash, Refused, Unknown, Unreachable
from services.vast_client.filters.filters import EVERYTHING, And, AtLeast, Below, Equal, Filter, In, Not
from services.vast_client.plans import Kind
from services.vast_client.tables import TableSpec, TableStatistics
from services.vast_client.transactions.parts import MAX_ROWS
from services.vast_client.transactions.transaction import ROW_ID, Transaction
from simulators.vast.endpoints.faults import dropped, lost_reply, refused
from simulators.vast.server import Server

COLUMNS = pa.schema({"id": pa.string(), "n": pa.int64(), "doc": pa.binary()})
PLAIN, SORTED = TableSpec("plain", COLUMNS), TableSpec("sorted", COLUMNS, ("id",))
MEGABYTE = 1_000_000


@pytest.fixture
def tables(cluster: Cluster) -> Cluster:
    cluster.catalog.ensure([PLAIN, SORTED])
    for spec in (PLAIN, SORTED):
        cluster.catalog.metadata(spec.name)
    return cluster


def make_rows(count: int, size: int = 0) -> pa.RecordBatch:
    rows = [{"id": f"{number:06}", "n": number, "doc": bytes(size)} for number in range(count)]
    return pa.RecordBatch.from_pylist(rows, COLUMNS)


def insert(cluster: Cluster, rows: pa.RecordBatch | pa.Table, table: str = "plain") -> None:
    def work(transaction: Transaction) -> None:
        transaction.insert(table, rows)
        transaction.commit()

    cluster.run(work)


def select(
    cluster: Cluster, where: Filter = EVERYTHING, table: str = "plain", kind: Kind = Kind.PAGE, **options: Any
) -> pa.Table:
    return cluster.run(
        lambda transaction: transaction.select(table, COLUMNS.names, where, kind=kind, **options)
    )


def numbers(found: pa.Table) -> list[int]:
    return sorted(found["n"].to_pylist())


@pytest.mark.parametrize("table", ["plain", "sorted"])
def test_a_point_read_is_one_request_in_its_transaction(tables: Cluster, server: Server, table: str) -> None:
    insert(tables, make_rows(1000), table)
    with server.counting() as counted:
        found = select(tables, Equal("id", "000007"), table, Kind.POINT)
    assert numbers(found) == [7]
    assert counted == {"begin": 1, "query": 1, "rollback": 1}


def test_several_reads_share_a_transaction(tables: Cluster, server: Server) -> None:
    insert(tables, make_rows(10))
    with server.counting() as counted, tables.begin(Kind.POINT) as transaction:
        for number in range(5):
            transaction.select("plain", ("n",), Equal("n", number), kind=Kind.POINT)
    assert counted == {"begin": 1, "query": 5, "rollback": 1}


def test_a_limited_read_is_one_request(tables: Cluster, server: Server) -> None:
    insert(tables, make_rows(1000))
    with server.counting() as counted:
        assert select(tables, limit=10).num_rows == 10
    assert counted["query"] == 1


@pytest.mark.parametrize("count", [500, 501, 1250])
def test_long_lists_are_queried_in_parts_of_five_hundred(tables: Cluster, server: Server, count: int) -> None:
    insert(tables, make_rows(2 * count))
    values = tuple(range(0, 2 * count, 2))
    with server.counting() as counted:
        found = select(tables, And((AtLeast("n", 4), In("n", values))))
    assert numbers(found) == list(values[2:])
    assert counted["query"] == -(-count // 500)


def test_a_long_list_with_repeated_values_returns_each_row_once(tables: Cluster) -> None:
    insert(tables, make_rows(300))
    assert numbers(select(tables, In("n", tuple(range(250)) * 2))) == list(range(250))


@pytest.mark.parametrize("limit", [None, 100, 300])
def test_rows_are_counted_by_a_read_without_columns(tables: Cluster, limit: int | None) -> None:
    insert(tables, make_rows(300))
    found = tables.run(
        lambda transaction: transaction.select("plain", (), Below("n", 200), kind=Kind.PAGE, limit=limit)
    )
    assert found.num_rows == min(200, limit or 200)


def test_a_query_of_a_long_list_keeps_its_limit(tables: Cluster) -> None:
    insert(tables, make_rows(300))
    assert select(tables, In("n", tuple(range(250))), limit=120).num_rows == 120


def test_long_lists_of_two_columns_and_negated_lists_are_evaluated(tables: Cluster) -> None:
    insert(tables, make_rows(400))
    ids = tuple(f"{number:06}" for number in range(0, 400, 2))
    assert numbers(select(tables, And((In("n", tuple(range(150))), In("id", ids))))) == list(range(0, 150, 2))
    assert numbers(select(tables, Not(In("n", tuple(range(150)))))) == list(range(150, 400))


@pytest.mark.parametrize("table", ["plain", "sorted"])
def test_rows_larger_than_a_request_together_are_all_inserted(
    tables: Cluster, server: Server, table: str
) -> None:
    rows = make_rows(120, MEGABYTE // 10)
    assert rows.nbytes >= 12 * MEGABYTE
    with server.counting() as counted:
        insert(tables, rows, table)
    found = select(tables, EVERYTHING, table)
    assert numbers(found) == list(range(120))
    assert set(found["doc"].to_pylist()) == {bytes(MEGABYTE // 10)}
    assert counted["insert"] == 4
    # The SDK splits a larger request by columns, and then writes the same rows twice.
    assert counted["update"] == 0


def test_rows_of_different_sizes_are_all_inserted(tables: Cluster) -> None:
    sizes = [100_000 if number % 50 == 0 else 10 for number in range(3000)]
    rows = [{"id": str(number), "n": number, "doc": bytes(size)} for number, size in enumerate(sizes)]
    insert(tables, pa.RecordBatch.from_pylist(rows, COLUMNS))
    assert numbers(select(tables)) == list(range(3000))


def test_a_table_of_several_batches_is_inserted_in_one_request(tables: Cluster, server: Server) -> None:
    pieces = pa.Table.from_batches([make_rows(5), make_rows(7)])
    with server.counting() as counted:
        insert(tables, pieces)
    assert select(tables).num_rows == 12
    assert counted["insert"] == 1


@pytest.mark.parametrize("rows", [make_rows(0), COLUMNS.empty_table()], ids=["batch", "table"])
def test_an_insert_without_rows_sends_no_request(tables: Cluster, server: Server, rows: Any) -> None:
    with server.counting() as counted:
        insert(tables, rows)
    assert counted["insert"] == 0


def test_a_row_larger_than_a_request_is_refused(tables: Cluster) -> None:
    with pytest.raises(Refused, match="larger than a request"):
        insert(tables, make_rows(3, 5 * MEGABYTE))
    assert select(tables).num_rows == 0


@pytest.mark.parametrize("table", ["plain", "sorted"])
def test_rows_are_updated_and_deleted_by_their_ids(tables: Cluster, table: str) -> None:
    insert(tables, make_rows(10), table)

    def change(transaction: Transaction) -> None:
        ids = transaction.select(table, ("n",), Below("n", 4), kind=Kind.PAGE, row_ids=True)[ROW_ID]
        changed = pa.table({ROW_ID: ids.slice(0, 2), "doc": pa.array([b"x", b"y"])})
        transaction.update(table, changed)
        transaction.delete(table, ids.slice(2).to_pylist())
        transaction.commit()

    tables.run(change)
    found = {row["n"]: row["doc"] for row in select(tables, EVERYTHING, table).to_pylist()}
    assert found == {0: b"x", 1: b"y", **dict.fromkeys(range(4, 10), b"")}


def test_uncommitted_rows_are_not_visible(tables: Cluster) -> None:
    with tables.begin() as transaction:
        transaction.insert("plain", make_rows(5))
        assert transaction.select("plain", ("n",), EVERYTHING, kind=Kind.PAGE).num_rows == 5
        assert select(tables).num_rows == 0
    assert select(tables).num_rows == 0


def test_the_second_writer_of_a_row_is_refused(tables: Cluster) -> None:
    insert(tables, make_rows(1))
    with tables.begin() as first, tables.begin() as second:
        ids = [
            writer.select("plain", ("n",), EVERYTHING, kind=Kind.POINT, row_ids=True)[ROW_ID]
            for writer in (first, second)
        ]
        first.update("plain", pa.table({ROW_ID: ids[0], "n": pa.array([5])}))
        with pytest.raises(Clash):
            second.update("plain", pa.table({ROW_ID: ids[1], "n": pa.array([6])}))
        first.commit()
    assert numbers(select(tables)) == [5]


def test_an_ended_transaction_ends_once(tables: Cluster, server: Server) -> None:
    transaction = tables.begin()
    with server.counting() as counted:
        transaction.commit()
        transaction.rollback()
    assert transaction.txid is None
    assert counted == {"commit": 1}


def test_a_failed_rollback_does_not_hide_the_error(tables: Cluster, server: Server) -> None:
    server.add_fault(dropped("rollback"))
    with pytest.raises(ZeroDivisionError), tables.begin():
        raise ZeroDivisionError


def test_a_transaction_that_the_server_forgot_is_unknown(tables: Cluster, server: Server) -> None:
    transaction = tables.begin()
    server.restart()
    with pytest.raises(Unreachable) as raised:
        transaction.select("plain", ("n",), EVERYTHING, kind=Kind.PAGE)
    assert isinstance(raised.value, Unknown)


@pytest.mark.parametrize("operation", ["query", "insert"])
def test_a_refused_call_leaves_the_endpoint_in_good_health(
    tables: Cluster, server: Server, operation: str
) -> None:
    tables.endpoints.record_failure(server.urls[0])
    tables.endpoints.record_failure(server.urls[1])
    server.add_fault(refused(403, "AccessDenied", operation, times=None))

    def work(transaction: Transaction) -> None:
        transaction.select("plain", ("n",), EVERYTHING, kind=Kind.PAGE)
        transaction.insert("plain", make_rows(1))

    with pytest.raises(Refused):
        tables.run(work)
    assert not any(health.open for health in tables.endpoints.health())
    assert 0 in {health.failures_in_a_row for health in tables.endpoints.health()}


def test_the_begin_and_end_of_a_transaction_do_not_change_the_health_of_an_endpoint(
    tables: Cluster, server: Server
) -> None:
    for url in server.urls:
        tables.endpoints.record_failure(url)
    for _ in range(4):
        with tables.begin():
            pass
    assert [health.failures_in_a_row for health in tables.endpoints.health()] == [1, 1]


def test_a_lost_call_counts_for_its_endpoint(tables: Cluster, server: Server) -> None:
    server.add_fault(lost_reply("insert", times=None))
    for _ in range(3):
        with tables.begin() as transaction, pytest.raises(Unreachable):
            transaction.insert("plain", make_rows(1))
    assert {health.endpoint for health in tables.endpoints.health() if health.failures_in_a_row}


def _pretend_large_table(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let scans be planned as for a table of many rows, with at least one part for each endpoint."""
    statistics = TableStatistics(10**7, 10**9)
    monkeypatch.setattr(cluster.catalog, "rows", lambda _: statistics.rows)


def test_a_scan_in_parts_uses_all_endpoints_and_returns_each_row_once(
    tables: Cluster, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(tables, make_rows(5000))
    _pretend_large_table(tables, monkeypatch)
    before = [endpoint.requests.counts()["query"] for endpoint in server.endpoints]
    assert numbers(select(tables, kind=Kind.SCAN)) == list(range(5000))
    after = [endpoint.requests.counts()["query"] for endpoint in server.endpoints]
    assert all(later > earlier for earlier, later in zip(before, after, strict=True))


def test_a_part_of_a_scan_that_fails_counts_for_its_own_endpoint(
    tables: Cluster, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(tables, make_rows(100))
    _pretend_large_table(tables, monkeypatch)
    select(tables, kind=Kind.SCAN)
    server.stop(server.endpoints[1])
    assert numbers(select(tables, kind=Kind.SCAN)) == list(range(100))
    working, stopped = tables.endpoints.health()
    assert working.error_rate == 0
    assert stopped.failures_in_a_row > 0


@pytest.mark.parametrize("table", ["plain", "sorted"])
@pytest.mark.parametrize("commits", [True, False])
def test_more_rows_than_a_request_may_change_are_changed_as_one(
    tables: Cluster, server: Server, table: str, *, commits: bool
) -> None:
    count = 2 * MAX_ROWS + 10
    rows = pa.record_batch(
        [pa.array([f"{n:06}" for n in range(count)]), pa.array(range(count)), pa.array([b""] * count)],
        schema=COLUMNS,
    )
    insert(tables, rows, table)

    def change(transaction: Transaction) -> None:
        ids = transaction.select(table, ("n",), EVERYTHING, kind=Kind.PAGE, row_ids=True)[ROW_ID]
        transaction.update(table, pa.table({ROW_ID: ids, "doc": pa.array([b"x"] * count)}))
        transaction.delete(table, ids)
        if commits:
            transaction.commit()

    with server.counting() as counted:
        tables.run(change)
    # Halves of halves: each has at most 65,535 rows.
    assert (counted["update"], counted["delete"]) == (4, 4)
    assert select(tables, EVERYTHING, table).num_rows == (0 if commits else count)
