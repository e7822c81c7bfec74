import pyarrow as pa
import pytest
from hypothesis import given

from services.shared.vast.filters import (
    EVERYTHING,
    Above,
    And,
    AtLeast,
    AtMost,
    Below,
    Equal,
    In,
    IsNull,
    Not,
    Or,
)
from services.shared.vast.matching import columns_of, keep, matches
from tests.support.filters import COLUMNS, filters, rows

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
def test_one_row_and_a_table_are_judged_alike(wanted, some):
    assert keep(wanted, pa.Table.from_pylist(some, COLUMNS)).to_pylist() == [
        row for row in some if matches(wanted, row)
    ]


@given(filters(), rows())
def test_a_table_in_pieces_is_judged_as_a_whole(wanted, some):
    pieces = pa.Table.from_batches([pa.RecordBatch.from_pylist([row], COLUMNS) for row in some], COLUMNS)
    assert keep(wanted, pieces).to_pylist() == [row for row in some if matches(wanted, row)]


@given(filters(), rows())
def test_what_a_filter_lets_pass_its_negation_does_not(wanted, some):
    assert not [row for row in some if matches(wanted, row) and matches(Not(wanted), row)]


@given(filters(), rows())
def test_a_negation_negated_is_the_filter(wanted, some):
    assert [matches(Not(Not(wanted)), row) for row in some] == [matches(wanted, row) for row in some]


@given(filters(), filters(), rows())
def test_de_morgan_holds_with_nulls(one, other, some):
    neither, both_not = Not(Or((one, other))), And((Not(one), Not(other)))
    assert [matches(neither, row) for row in some] == [matches(both_not, row) for row in some]


@pytest.mark.parametrize("wanted", COMPARISONS, ids=repr)
def test_null_matches_no_comparison_and_none_negated(wanted):
    assert matches(wanted, ROW)
    assert not matches(Not(wanted), ROW)
    assert not matches(wanted, NULLS)
    assert not matches(Not(wanted), NULLS)


def test_null_is_told_by_is_null_alone():
    assert matches(IsNull("n"), NULLS)
    assert not matches(Not(IsNull("n")), NULLS)
    assert not matches(IsNull("n"), ROW)
    assert matches(Not(IsNull("n")), ROW)


@pytest.mark.parametrize("row", [ROW, NULLS], ids=["values", "nulls"])
@pytest.mark.parametrize(
    ("wanted", "passes"),
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
def test_empty_lists_are_decided_without_looking_at_the_row(wanted, passes, row):
    assert matches(wanted, row) is passes
    assert keep(wanted, pa.Table.from_pylist([row], COLUMNS)).num_rows == passes


def test_one_true_decides_an_or_and_one_false_an_and_whatever_is_null():
    unknown, yes, no = Equal("n", 1), IsNull("n"), Not(IsNull("n"))
    assert matches(Or((unknown, yes)), NULLS)
    assert not matches(And((unknown, yes)), NULLS)
    assert not matches(Not(And((unknown, yes))), NULLS)
    assert matches(Not(And((unknown, no))), NULLS)
    assert not matches(Not(Or((unknown, no))), NULLS)


def test_rows_keep_their_order():
    table = pa.table({"n": [3, 1, None, 2]})
    assert keep(Above("n", 1), table)["n"].to_pylist() == [3, 2]


@given(filters())
def test_no_rows_stay_no_rows(wanted):
    assert keep(wanted, COLUMNS.empty_table()).num_rows == 0


def test_a_filter_tells_its_columns():
    wanted = Or((And((Equal("n", 1), Not(IsNull("t")))), In("b", ())))
    assert columns_of(wanted) == {"n", "t", "b"}
    assert columns_of(EVERYTHING) == frozenset()
