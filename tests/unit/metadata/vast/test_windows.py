import bisect
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.metadata.adapters.vast.windows import ID_SPACE, Keys, Span, id_bound, id_position, walk
from services.shared.timerange import MAX_NS, MIN_NS

KEYS = st.one_of(
    st.integers(-1000, 1000),
    st.integers(MIN_NS, MAX_NS - 1),
    st.sampled_from([MIN_NS, -1, 0, 1, MAX_NS - 1]),
)
CLUSTERS = st.lists(
    st.tuples(st.integers(-(10**15), 10**15), st.integers(1, 400), st.integers(1, 10**6)), max_size=4
)
BOUNDS = st.tuples(KEYS, KEYS).map(lambda pair: Span(min(pair), max(pair)))
TOO_DENSE = Keys(Span(0, 300), Span(0, 300), 1e9)
STEP = 1000


class Table:
    """Rows with one key each, in no order, that counts how often it is asked."""

    def __init__(self, keys):
        self.keys = sorted(keys)
        self.asked = []

    def fetch(self, part, cap):
        self.asked.append(part)
        low = bisect.bisect_left(self.keys, part.low)
        high = bisect.bisect_left(self.keys, part.high)
        if cap is not None and high - low >= cap:
            return None
        return [{"key": key} for key in reversed(self.keys[low:high])]

    def walk(self, keys, limit, *, reverse=False):
        rows = walk(keys, limit, self.fetch, lambda row: row["key"], reverse=reverse)
        return [row["key"] for row in rows]

    def slice(self, whole, limit, *, reverse=False):
        within = [key for key in self.keys if whole.low <= key < whole.high]
        return sorted(within, reverse=reverse)[:limit]


def spread(clusters):
    return [start + number * step for start, count, step in clusters for number in range(count)]


def even(count):
    """Keys at equal distances, and what statistics say of them."""
    return Table(range(0, count * STEP, STEP)), Span(0, count * STEP)


@given(
    rows=st.one_of(st.sets(KEYS, max_size=60), CLUSTERS.map(spread)),
    keys=st.builds(Keys, BOUNDS, BOUNDS, st.floats(0, 1e18) | st.sampled_from([0.0, 1.0])),
    limit=st.integers(0, 500),
    reverse=st.booleans(),
)
@example(rows=set(range(300)), keys=TOO_DENSE, limit=20, reverse=False)
@example(rows=set(range(300)), keys=TOO_DENSE, limit=20, reverse=True)
@example(rows={0}, keys=Keys(Span(MIN_NS, MAX_NS), Span(0, 0), 1.0), limit=1, reverse=False)
def test_a_page_is_the_slice_whatever_the_statistics_say(rows, keys, limit, reverse):
    table = Table(rows)
    assert table.walk(keys, limit, reverse=reverse) == table.slice(keys.whole, limit, reverse=reverse)


@given(
    clusters=CLUSTERS,
    limit=st.integers(1, 50),
    reverse=st.booleans(),
    rows=st.integers(1, 2000),
)
def test_statistics_as_they_are_kept_give_the_slice(clusters, limit, reverse, rows):
    table = Table(spread(clusters))
    low, high = (table.keys[0], table.keys[-1] + 1) if table.keys else (0, 0)
    whole, dense = Span(MIN_NS, MAX_NS), Span(low, high)
    found = table.walk(Keys(whole, dense, max(1.0, (high - low) / rows)), limit, reverse=reverse)
    assert found == table.slice(whole, limit, reverse=reverse)
    # Ranges grow and shrink by factors, so even the worst clusters are found in few steps.
    assert len(table.asked) <= 64


@given(st.sets(KEYS, max_size=60), BOUNDS, st.integers(1, 20), st.booleans())
def test_parts_are_asked_in_order_and_each_within_the_whole(keys, whole, limit, reverse):
    table = Table(keys)
    table.walk(Keys(whole, Span(-1000, 1000), 10.0), limit, reverse=reverse)
    parts = table.asked[::-1] if reverse else table.asked
    assert all(whole.low <= part.low < part.high <= whole.high for part in parts)
    assert all(part.high == following.low for part, following in pairwise(parts))


def test_keys_that_many_rows_share_are_read_whole():
    table = Table([5] * 2000)
    found = table.walk(Keys(Span(0, 10**9), Span(0, 10**9), 1e6), 10)
    assert found == [5] * 10


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 10, 100, 1000])
@pytest.mark.parametrize("whole", [Span(MIN_NS, MAX_NS), Span(0, 10**7), Span(1_234_567, 8_765_432)])
def test_a_page_of_even_rows_is_one_request_or_two(whole, limit, reverse):
    table, dense = even(10_000)
    found = table.walk(Keys(whole, dense, STEP), limit, reverse=reverse)
    assert found == table.slice(whole, limit, reverse=reverse)
    assert len(table.asked) <= 2


@pytest.mark.parametrize("reverse", [False, True])
def test_every_page_of_a_listing_is_one_request_or_two(reverse):
    table, dense = even(1000)
    whole, seen = Span(MIN_NS, MAX_NS), []
    while True:
        table.asked.clear()
        page = table.walk(Keys(whole, dense, STEP), 30, reverse=reverse)
        assert len(table.asked) <= 2
        if not page:
            break
        seen += page
        whole = Span(whole.low, page[-1]) if reverse else Span(page[-1] + 1, whole.high)
    assert seen == table.slice(Span(MIN_NS, MAX_NS), 1000, reverse=reverse)


def test_a_page_from_a_crowded_end_is_few_requests():
    week, burst = range(0, 10**6 * STEP, 10**4 * STEP), range(10**6 * STEP, 10**6 * STEP + 1000)
    table = Table([*week, *burst])
    dense = Span(0, burst[-1] + 1)
    spacing = dense.high / len(table.keys)
    for whole in (dense, Span(MIN_NS, MAX_NS)):
        table.asked.clear()
        assert table.walk(Keys(whole, dense, spacing), 30, reverse=True) == list(burst[:-31:-1])
        assert len(table.asked) <= 12


@pytest.mark.parametrize("reverse", [False, True])
def test_many_rows_outside_of_old_statistics_are_found_in_few_requests(reverse):
    table, dense = even(10_000)
    old = Span(dense.low + 4000 * STEP, dense.high - 4000 * STEP)
    found = table.walk(Keys(Span(MIN_NS, MAX_NS), old, STEP), 30, reverse=reverse)
    assert found == table.slice(dense, 30, reverse=reverse)
    assert len(table.asked) <= 24


def test_nothing_is_asked_of_an_empty_span_or_for_no_rows():
    table, dense = even(10)
    assert table.walk(Keys(Span(5, 5), dense, STEP), 10) == []
    assert table.walk(Keys(dense, dense, STEP), 0) == []
    assert table.asked == []


def test_an_empty_table_is_one_request():
    table = Table([])
    assert table.walk(Keys(Span(MIN_NS, MAX_NS), Span(0, 0), 1.0), 100) == []
    assert len(table.asked) == 1


def test_a_request_reads_no_more_than_its_cap_while_ranges_can_be_narrowed():
    table = Table(range(10**5))
    caps = []

    def fetch(part, cap):
        caps.append(cap)
        return table.fetch(part, cap)

    rows = walk(Keys(Span(0, 10**5), Span(0, 10**5), 1e4), 50, fetch, lambda row: row["key"])
    assert [row["key"] for row in rows] == list(range(50))
    assert set(caps) == {256}


@given(
    ids=st.sets(st.uuids(), max_size=60),
    rows=st.integers(100, 10**6),
    limit=st.integers(1, 20),
)
def test_ids_are_paged_by_position(ids, rows, limit):
    table = Table(sorted(id_position(str(one)) for one in ids))
    found = table.walk(Keys(ID_SPACE, ID_SPACE, ID_SPACE.high / rows), limit)
    assert found == table.keys[:limit]


@given(st.uuids(), st.uuids())
def test_positions_are_in_the_order_of_the_ids(one, other):
    assert (id_position(str(one)) <= id_position(str(other))) or str(one) > str(other)


@given(st.uuids())
def test_an_id_is_between_the_bounds_around_its_position(one):
    position = id_position(str(one))
    assert id_bound(position) <= str(one) < id_bound(position + 1)


def test_the_bounds_of_the_whole_space_hold_every_id():
    low, high = (id_bound(position) for position in ID_SPACE)
    assert low <= str(UUID(int=0)) <= str(UUID(int=2**128 - 1)) < high
