"""A filter returns the rows that pass it, whichever part of it is evaluated by the server."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.vast_client.cluster import Cluster
from services.vast_client.filters.filters import (
    EVERYTHING,
    Above,
    And,
    AtLeast,
    AtMost,
    Below,
    Equal,
    Filter,
    In,
    IsNull,
    Not,
    Or,
)
from services.vast_client.filters.matching import matches
from services.vast_client.filters.pushdown import push_down
from services.vast_client.plans import Kind
from services.vast_client.tables import TableSpec
from services.vast_client.transactions.transaction import Transaction
from tests.support.vast.clusters import vast_cluster
from tests.support.vast.filters import COLUMNS, VALUES, filters

TABLE = TableSpec("things", COLUMNS)
NAMES = tuple(VALUES)


def _rows() -> list[dict[str, Any]]:
    """Rows with each value, and NULL, of each column at least once, in different combinations."""
    cells = {name: (*values, None) for name, values in VALUES.items()}
    rows = [
        {name: cells[name][i * (k + 1) % len(cells[name])] for k, name in enumerate(NAMES)} for i in range(60)
    ]
    alone = [dict.fromkeys(NAMES) | {name: value} for name, values in VALUES.items() for value in values]
    return [*rows, *alone, dict.fromkeys(NAMES)]


ROWS = _rows()


@pytest.fixture(scope="module")
def transaction() -> Iterator[Transaction]:
    """A transaction that only reads."""
    with vast_cluster() as cluster:
        cluster.catalog.ensure([TABLE])

        def fill(writing: Transaction) -> None:
            writing.insert("things", pa.RecordBatch.from_pylist(ROWS, COLUMNS))
            writing.commit()

        cluster.run(fill)
        with cluster.begin(Kind.PAGE) as reading:
            yield reading
        cluster.close()


def select(transaction: Transaction, where: Filter, columns: tuple[str, ...] = NAMES) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = transaction.select("things", columns, where, kind=Kind.PAGE).to_pylist()
    return rows


def passing(where: Filter) -> list[dict[str, Any]]:
    return [row for row in ROWS if matches(where, row)]


@given(where=filters())
@example(where=EVERYTHING)
@example(where=Or(()))
@example(where=Not(EVERYTHING))
@example(where=Not(In("n", ())))
@example(where=And((Equal("n", 1), Equal("n", 1))))
@example(where=Or((Equal("n", 1), Equal("n", 1))))
@example(where=Or((IsNull("n"), Not(IsNull("n")))))
@example(where=Or((In("t", ("a",)), Equal("t", "b"), IsNull("t"), Not(Equal("t", "")))))
@example(where=In("n", (1, 1, 1)))
@example(where=And((AtLeast("n", 3), AtMost("n", 1))))
@example(where=Not(Above("n", 2**63)))
@example(where=In("n", (1, -(2**64))))
def test_any_filter_returns_the_rows_that_pass(transaction: Transaction, where: Filter) -> None:
    assert select(transaction, where) == passing(where)


@given(where=filters(), columns=st.lists(st.sampled_from(NAMES), unique=True).map(tuple))
def test_columns_that_are_only_filtered_are_not_returned(
    transaction: Transaction, where: Filter, columns: tuple[str, ...]
) -> None:
    found = transaction.select("things", columns, where, kind=Kind.PAGE)
    assert tuple(found.column_names) == columns
    assert found.num_rows == len(passing(where))
    if columns:
        assert found.to_pylist() == [{name: row[name] for name in columns} for row in passing(where)]


@given(where=filters(), limit=st.integers(1, 100))
def test_a_limit_bounds_the_rows_that_pass(transaction: Transaction, where: Filter, limit: int) -> None:
    found = transaction.select("things", NAMES, where, kind=Kind.PAGE, limit=limit).to_pylist()
    assert len(found) == min(limit, len(passing(where)))
    assert all(matches(where, row) for row in found)


@given(where=filters())
def test_row_ids_are_returned_with_the_rows_that_pass(transaction: Transaction, where: Filter) -> None:
    found = transaction.select("things", ("n",), where, kind=Kind.PAGE, row_ids=True)
    assert found["$row_id"].to_pylist() == [number for number, row in enumerate(ROWS) if matches(where, row)]


@given(where=filters(), kind=st.sampled_from(Kind))
def test_all_kinds_of_reads_return_the_same_rows(transaction: Transaction, where: Filter, kind: Kind) -> None:
    assert transaction.select("things", NAMES, where, kind=kind).to_pylist() == passing(where)


@given(where=filters())
def test_the_rest_of_a_filter_drops_no_row_that_passes(where: Filter) -> None:
    pushed = push_down(where)
    if pushed.never:
        assert not passing(where)
    elif pushed.rest is not None:
        assert all(matches(pushed.rest, row) for row in passing(where))
    elif pushed.predicate is None:
        assert passing(where) == ROWS


@pytest.mark.parametrize(
    "where",
    [
        Equal("n", 1),
        Equal("t", "a"),
        Equal("b", b"a"),
        In("n", (1, 2)),
        Not(Equal("n", 1)),
        IsNull("f"),
        Not(IsNull("t")),
        And((AtLeast("n", 0), Below("n", 3), Above("t", "a"), AtMost("t", "b"))),
        Or((Equal("n", 1), IsNull("n"), Above("n", 2))),
        And((And((Equal("n", 1),)), Or((Equal("t", "a"),)))),
    ],
    ids=repr,
)
def test_a_filter_that_the_server_can_evaluate_has_no_rest(where: Filter) -> None:
    pushed = push_down(where)
    assert pushed.predicate is not None
    assert pushed.rest is None


@pytest.mark.parametrize(
    "where",
    [
        Equal("f", True),
        In("f", (True, False)),
        Not(In("n", (1, 2))),
        Not(Below("n", 1)),
        Or((Equal("n", 1), Equal("t", "a"))),
        Or((And((Equal("n", 1), Equal("n", 2))), Equal("n", 3))),
    ],
    ids=repr,
)
def test_a_filter_that_the_sdk_refuses_is_not_pushed_down(where: Filter) -> None:
    assert push_down(where) == (None, where, False)


def test_a_filter_that_no_row_can_pass_needs_no_query(cluster: Cluster, server: Any) -> None:
    cluster.catalog.ensure([TABLE])
    cluster.catalog.metadata("things")
    with cluster.begin() as reading, server.counting() as counted:
        assert select(reading, And((Equal("n", 1), Or(())))) == []
    assert counted["query"] == 0
