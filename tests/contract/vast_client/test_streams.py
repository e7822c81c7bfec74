"""Rows that are processed while they are read, with the real SDK."""

from collections.abc import Iterator

import pyarrow as pa
import pytest

from services.vast_client.cluster import Cluster
from services.vast_client.failures import Unreachable
from services.vast_client.filters.filters import EVERYTHING, Equal, Filter, In, Not
from services.vast_client.plans import Kind
from services.vast_client.tables import TableSpec
from services.vast_client.transactions.streams import MAX_REPLIES
from services.vast_client.transactions.transaction import Transaction
from simulators.vast.endpoints.faults import truncated
from simulators.vast.server import Server
from tests.support.vast.clusters import KEYS, address_of

ROW_GROUP = 65_536
ROWS = 16 * ROW_GROUP
NUMBERS = TableSpec("numbers", pa.schema({"n": pa.int64(), "odd": pa.bool_()}))


@pytest.fixture
def cluster(server: Server) -> Iterator[Cluster]:
    cluster = Cluster(address_of(server.urls), KEYS)
    cluster.catalog.ensure([NUMBERS])
    yield cluster
    cluster.close()


def fill(cluster: Cluster, rows: int) -> None:
    def work(transaction: Transaction) -> None:
        columns = {"n": pa.array(range(rows), pa.int64()), "odd": pa.array([n % 2 == 1 for n in range(rows)])}
        transaction.insert("numbers", pa.table(columns))
        transaction.commit()

    cluster.run(work)


def stream(cluster: Cluster, where: Filter = EVERYTHING) -> list[int]:
    with cluster.reading(Kind.SCAN) as transaction:
        return sorted(
            n for batch in transaction.stream("numbers", ["n"], where) for n in batch["n"].to_pylist()
        )


@pytest.mark.parametrize("rows", [0, 1, ROW_GROUP + 1, ROWS])
def test_each_row_is_streamed_once(cluster: Cluster, rows: int) -> None:
    fill(cluster, rows)
    assert stream(cluster) == list(range(rows))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (In("n", tuple(range(0, 3000, 2))), list(range(0, 3000, 2))),
        (Equal("odd", True), list(range(1, 5000, 2))),
        (Not(Equal("odd", True)), list(range(0, 5000, 2))),
        (In("n", ()), []),
    ],
    ids=["long list", "not pushed down", "negated", "never"],
)
def test_filters_select_the_same_rows_as_in_other_reads(
    cluster: Cluster, where: Filter, expected: list[int]
) -> None:
    fill(cluster, 5000)
    assert stream(cluster, where) == expected


def test_no_more_replies_are_requested_than_fit_into_memory(cluster: Cluster, server: Server) -> None:
    fill(cluster, ROWS)
    with server.counting() as counted, cluster.reading(Kind.SCAN) as transaction:
        batches = transaction.stream("numbers", ["n"], EVERYTHING)
        assert next(batches).num_rows <= ROW_GROUP
        batches.close()
    assert counted["query"] <= MAX_REPLIES + 1
    assert (counted["begin"], counted["rollback"]) == (1, 1)


def test_a_truncated_reply_is_continued_where_it_ended(cluster: Cluster, server: Server) -> None:
    fill(cluster, ROWS)
    server.add_fault(truncated(300_000, times=5))
    assert stream(cluster) == list(range(ROWS))


def test_a_lost_transaction_ends_the_stream(cluster: Cluster, server: Server) -> None:
    fill(cluster, ROWS)
    with cluster.reading(Kind.SCAN) as transaction:
        batches = transaction.stream("numbers", ["n"], EVERYTHING)
        next(batches)
        server.restart()
        with pytest.raises(Unreachable):
            list(batches)


def test_rows_of_a_table_are_counted_as_of_now(cluster: Cluster, server: Server) -> None:
    for rows in (3, 4):
        fill(cluster, rows)
    with server.counting() as counted, cluster.reading(Kind.SCAN) as transaction:
        assert transaction.count("numbers") == 7
    assert counted == {"begin": 1, "table_stats": 1, "rollback": 1}
