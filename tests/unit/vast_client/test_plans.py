import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.vast_client.plans import Kind, plan_for, streamed

ROW_GROUP = 65_536
ENDPOINTS = st.integers(1, 64)
ROWS = st.integers(0, 10**12)


@pytest.mark.parametrize("kind", [Kind.POINT, Kind.PAGE])
@given(rows=ROWS, endpoints=ENDPOINTS)
def test_small_reads_have_a_single_split(kind: Kind, rows: int, endpoints: int) -> None:
    plan = plan_for(kind, rows, endpoints, None)
    assert (plan.splits, plan.sub_splits) == (1, 1)


@pytest.mark.parametrize(("limit", "rows"), [(1, 1), (100, 100), (None, 128 * 1024)])
def test_a_reply_has_at_most_the_limit_of_rows(limit: int | None, rows: int) -> None:
    assert plan_for(Kind.PAGE, 10**6, 2, limit).rows == rows


def test_a_limit_of_zero_requests_a_row() -> None:
    # For the SDK, 0 means no limit.
    assert plan_for(Kind.PAGE, 10**6, 2, 0).rows == 1


def test_a_scan_of_a_small_table_has_a_single_split() -> None:
    plan = plan_for(Kind.SCAN, 8 * ROW_GROUP, 4, None)
    assert (plan.splits, plan.sub_splits) == (1, 1)


def test_a_scan_of_a_large_table_has_splits_for_all_endpoints() -> None:
    assert plan_for(Kind.SCAN, 8 * ROW_GROUP + 1, 4, None).splits == 4
    assert plan_for(Kind.SCAN, 10**9, 4, None).splits == 16


@given(rows=ROWS, endpoints=ENDPOINTS)
def test_the_splits_of_a_scan_are_bounded_and_planned_without_empty_ones(rows: int, endpoints: int) -> None:
    plan = plan_for(Kind.SCAN, rows, endpoints, None)
    assert 1 <= plan.splits <= 4 * endpoints
    assert 1 <= plan.sub_splits <= 8
    assert plan.sub_splits == 1 or plan.splits * plan.sub_splits * plan.row_groups * ROW_GROUP <= rows


@given(rows=ROWS, endpoints=ENDPOINTS)
def test_sub_splits_have_the_row_groups_that_projections_require(rows: int, endpoints: int) -> None:
    assert {plan_for(kind, rows, endpoints, None).row_groups for kind in Kind} == {8}


def test_a_streamed_scan_has_the_same_splits_and_small_replies() -> None:
    plan = plan_for(Kind.SCAN, 10**9, 4, None)
    assert streamed(plan)[:2] == (plan.splits, 1)
    assert [streamed(plan, rows).rows for rows in (None, 10, 10**9)] == [ROW_GROUP, 10, ROW_GROUP]
