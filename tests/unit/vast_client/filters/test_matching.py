from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given

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
from services.vast_client.filters.matching import columns_of, matches, matching_rows
from tests.support.vast.filters import COLUMNS, filters, rows

NULLS = {"n": None, "t": None, "b": None, "f": None}
ROW = {"n": 1, "t": "a", "b": b"a", "f": True}
COMPARISONS = [
    Equal("n", 1),
    In("n", (1, 2)),
    Below("n", 2),
    AtMost("n", 1),
    Above("n", 0),
    AtLeast("t", "a"),
    Equal("b", b"a"),
    Equal("f", True),
]


@given(filters(), rows())
def test_a_filter_passes_the_same_rows_of_a_table_and_of_a_list(
    condition: Filter, some_rows: list[dict[str, Any]]
) -> None:
    assert matching_rows(condition, pa.Table.from_pylist(some_rows, COLUMNS)).to_pylist() == [
        row for row in some_rows if matches(condition, row)
    ]


@given(filters(), rows())
def test_a_filter_passes_the_same_rows_of_a_table_in_batches(
    condition: Filter, some_rows: list[dict[str, Any]]
) -> None:
    table = pa.Table.from_batches([pa.RecordBatch.from_pylist([row], COLUMNS) for row in some_rows], COLUMNS)
    assert matching_rows(condition, table).to_pylist() == [
        row for row in some_rows if matches(condition, row)
    ]


@given(filters(), rows())
def test_no_row_passes_both_a_filter_and_its_negation(
    condition: Filter, some_rows: list[dict[str, Any]]
) -> None:
    assert not [row for row in some_rows if matches(condition, row) and matches(Not(condition), row)]


@given(filters(), rows())
def test_a_double_negation_equals_the_filter(condition: Filter, some_rows: list[dict[str, Any]]) -> None:
    assert [matches(Not(Not(condition)), row) for row in some_rows] == [
        matches(condition, row) for row in some_rows
    ]


@given(filters(), filters(), rows())
def test_de_morgan_holds_with_nulls(first: Filter, second: Filter, some_rows: list[dict[str, Any]]) -> None:
    not_either, not_both = Not(Or((first, second))), And((Not(first), Not(second)))
    assert [matches(not_either, row) for row in some_rows] == [matches(not_both, row) for row in some_rows]


@pytest.mark.parametrize("condition", COMPARISONS, ids=repr)
def test_null_matches_neither_a_comparison_nor_its_negation(condition: Filter) -> None:
    assert matches(condition, ROW)
    assert not matches(Not(condition), ROW)
    assert not matches(condition, NULLS)
    assert not matches(Not(condition), NULLS)


def test_null_matches_only_is_null() -> None:
    assert matches(IsNull("n"), NULLS)
    assert not matches(Not(IsNull("n")), NULLS)
    assert not matches(IsNull("n"), ROW)
    assert matches(Not(IsNull("n")), ROW)


@pytest.mark.parametrize("row", [ROW, NULLS], ids=["values", "nulls"])
@pytest.mark.parametrize(
    ("condition", "passes"),
    [
        (EVERYTHING, True),
        (And(()), True),
        (Not(And(())), False),
        (Or(()), False),
        (Not(Or(())), True),
        (In("n", ()), False),
        (Not(In("n", ())), True),
        (Or((And(()), In("n", ()))), True),
        (And((And(()), Or(()))), False),
    ],
    ids=repr,
)
def test_empty_lists_have_the_same_result_for_each_row(
    condition: And | Not | Or | In, passes: bool, row: dict[str, Any]
) -> None:
    assert matches(condition, row) is passes
    assert matching_rows(condition, pa.Table.from_pylist([row], COLUMNS)).num_rows == passes


def test_a_true_part_decides_an_or_and_a_false_part_an_and() -> None:
    unknown, yes, no = Equal("n", 1), IsNull("n"), Not(IsNull("n"))
    assert matches(Or((unknown, yes)), NULLS)
    assert not matches(And((unknown, yes)), NULLS)
    assert not matches(Not(And((unknown, yes))), NULLS)
    assert matches(Not(And((unknown, no))), NULLS)
    assert not matches(Not(Or((unknown, no))), NULLS)


def test_matching_rows_keep_their_order() -> None:
    table = pa.table({"n": [3, 1, None, 2]})
    assert matching_rows(Above("n", 1), table)["n"].to_pylist() == [3, 2]


@given(filters())
def test_an_empty_table_has_no_matching_rows(condition: Filter) -> None:
    assert matching_rows(condition, COLUMNS.empty_table()).num_rows == 0


def test_the_columns_of_a_filter_are_known() -> None:
    condition = Or((And((Equal("n", 1), Not(IsNull("t")))), In("b", ())))
    assert columns_of(condition) == {"n", "t", "b"}
    assert columns_of(EVERYTHING) == frozenset()
