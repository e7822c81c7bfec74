import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.vast.plans import Kind, plan

ROW_GROUP = 65_536
ENDPOINTS = st.integers(1, 64)
ROWS = st.integers(0, 10**12)


@pytest.mark.parametrize("kind", [Kind.POINT, Kind.PAGE])
@given(rows=ROWS, endpoints=ENDPOINTS)
def test_small_reads_are_one_request_to_one_endpoint(kind, rows, endpoints):
    chosen = plan(kind, rows, endpoints, None)
    assert (chosen.splits, chosen.sub_splits) == (1, 1)


@pytest.mark.parametrize(("limit", "rows"), [(1, 1), (100, 100), (None, 128 * 1024)])
def test_a_reply_holds_no_more_than_what_is_wanted(limit, rows):
    assert plan(Kind.PAGE, 10**6, 2, limit).rows == rows


def test_a_limit_of_nothing_still_asks_for_a_row():
    # The SDK takes 0 for no limit at all.
    assert plan(Kind.PAGE, 10**6, 2, 0).rows == 1


def test_a_scan_of_a_small_table_is_one_request():
    chosen = plan(Kind.SCAN, 8 * ROW_GROUP, 4, None)
    assert (chosen.splits, chosen.sub_splits) == (1, 1)


def test_a_scan_of_a_large_table_uses_every_endpoint():
    assert plan(Kind.SCAN, 8 * ROW_GROUP + 1, 4, None).splits == 4
    assert plan(Kind.SCAN, 10**9, 4, None).splits == 16


@given(rows=ROWS, endpoints=ENDPOINTS)
def test_a_scan_s_parts_are_bounded_and_none_is_empty_by_plan(rows, endpoints):
    chosen = plan(Kind.SCAN, rows, endpoints, None)
    assert 1 <= chosen.splits <= 4 * endpoints
    assert 1 <= chosen.sub_splits <= 8
    assert chosen.sub_splits == 1 or chosen.splits * chosen.sub_splits * chosen.row_groups * ROW_GROUP <= rows


@given(rows=ROWS, endpoints=ENDPOINTS)
def test_sub_splits_read_as_many_row_groups_as_projections_require(rows, endpoints):
    assert {plan(kind, rows, endpoints, None).row_groups for kind in Kind} == {8}
