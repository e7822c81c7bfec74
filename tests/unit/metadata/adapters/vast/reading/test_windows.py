import bisect
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from random import Random
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.reading.windows import (
    ID_SPACE,
    Found,
    Keys,
    Span,
    id_bound,
    id_position,
    walk,
)
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


def _rows(keys: Sequence[int]) -> list[Row]:
    return [{"key": key} for key in reversed(keys)]


# Ways in which a database may choose the rows of a range that has more than it may return.
SAMPLES = {
    "first": lambda rows, cap: rows[:cap],
    "last": lambda rows, cap: rows[-cap:],
    "any": lambda rows, cap: Random(cap).sample(rows, cap),
    "one end": lambda rows, cap: rows[: cap // 2] + rows[-(cap - cap // 2) :],
}


class Table:
    """Rows with a key each, in no order; records the ranges of its requests."""

    def __init__(
        self,
        keys: Iterable[int],
        sample: Callable[[list[int], int], list[int]] = lambda rows, cap: rows[:cap],
    ) -> None:
        self.keys = sorted(keys)
        self.requests: list[Span] = []
        self.sample = sample

    def fetch(self, part: Span, cap: int | None) -> Found:
        self.requests.append(part)
        low = bisect.bisect_left(self.keys, part.low)
        high = bisect.bisect_left(self.keys, part.high)
        if cap is not None and high - low >= cap:
            return Found(_rows(self.sample(self.keys[low:high], cap)), complete=False)
        return Found(_rows(self.keys[low:high]), complete=True)

    def walk(self, keys: Keys, limit: int, *, reverse: bool = False) -> list[int]:
        rows = walk(keys, limit, self.fetch, lambda row: row["key"], reverse=reverse)
        return [row["key"] for row in rows]

    def slice(self, whole: Span, limit: int, *, reverse: bool = False) -> list[int]:
        within = [key for key in self.keys if whole.low <= key < whole.high]
        return sorted(within, reverse=reverse)[:limit]


def keys_of_clusters(clusters: Sequence[tuple[int, int, int]]) -> list[int]:
    return [start + number * step for start, count, step in clusters for number in range(count)]


def evenly_spaced(count: int) -> tuple[Table, Span]:
    """A table with keys at equal distances, and the span in its statistics."""
    return Table(range(0, count * STEP, STEP)), Span(0, count * STEP)


@given(
    rows=st.one_of(st.sets(KEYS, max_size=60), CLUSTERS.map(keys_of_clusters)),
    keys=st.builds(Keys, BOUNDS, BOUNDS, st.floats(0, 1e18) | st.sampled_from([0.0, 1.0])),
    limit=st.integers(0, 500),
    reverse=st.booleans(),
    sample=st.sampled_from(list(SAMPLES)),
)
@example(rows=set(range(300)), keys=TOO_DENSE, limit=20, reverse=False, sample="first")
@example(rows=set(range(300)), keys=TOO_DENSE, limit=20, reverse=True, sample="any")
@example(rows={0}, keys=Keys(Span(MIN_NS, MAX_NS), Span(0, 0), 1.0), limit=1, reverse=False, sample="any")
def test_a_page_is_correct_with_any_statistics(
    rows: set[int] | list[int], keys: Keys, limit: int, reverse: bool, sample: str
) -> None:
    table = Table(rows, SAMPLES[sample])
    assert table.walk(keys, limit, reverse=reverse) == table.slice(keys.whole, limit, reverse=reverse)


@given(
    clusters=CLUSTERS,
    limit=st.integers(1, 50),
    reverse=st.booleans(),
    rows=st.integers(1, 2000),
    sample=st.sampled_from(list(SAMPLES)),
)
def test_a_page_is_correct_with_true_statistics_and_takes_few_requests(
    clusters: list[tuple[int, int, int]], limit: int, reverse: bool, rows: int, sample: str
) -> None:
    table = Table(keys_of_clusters(clusters), SAMPLES[sample])
    low, high = (table.keys[0], table.keys[-1] + 1) if table.keys else (0, 0)
    whole, dense = Span(MIN_NS, MAX_NS), Span(low, high)
    page = table.walk(Keys(whole, dense, max(1.0, (high - low) / rows)), limit, reverse=reverse)
    assert page == table.slice(whole, limit, reverse=reverse)
    # Ranges grow and shrink by factors, so even the worst clusters are found in few steps.
    assert len(table.requests) <= 64


@given(st.sets(KEYS, max_size=60), BOUNDS, st.integers(1, 20), st.booleans())
def test_requested_parts_are_in_order_and_within_the_whole(
    keys: set[int], whole: Span, limit: int, reverse: bool
) -> None:
    table = Table(keys)
    table.walk(Keys(whole, Span(-1000, 1000), 10.0), limit, reverse=reverse)
    parts = table.requests[::-1] if reverse else table.requests
    assert all(whole.low <= part.low < part.high <= whole.high for part in parts)
    assert all(part.high == following.low for part, following in pairwise(parts))


def test_rows_with_equal_keys_are_read_in_one_range() -> None:
    table = Table([5] * 2000)
    page = table.walk(Keys(Span(0, 10**9), Span(0, 10**9), 1e6), 10)
    assert page == [5] * 10


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 10, 100, 1000])
@pytest.mark.parametrize("whole", [Span(MIN_NS, MAX_NS), Span(0, 10**7), Span(1_234_567, 8_765_432)])
def test_a_page_of_evenly_spaced_rows_takes_at_most_two_requests(
    whole: Span, limit: int, reverse: bool
) -> None:
    table, dense = evenly_spaced(10_000)
    page = table.walk(Keys(whole, dense, STEP), limit, reverse=reverse)
    assert page == table.slice(whole, limit, reverse=reverse)
    assert len(table.requests) <= 2


@pytest.mark.parametrize("reverse", [False, True])
def test_each_page_of_a_list_takes_at_most_two_requests(reverse: bool) -> None:
    table, dense = evenly_spaced(1000)
    whole, listed = Span(MIN_NS, MAX_NS), []
    while True:
        table.requests.clear()
        page = table.walk(Keys(whole, dense, STEP), 30, reverse=reverse)
        assert len(table.requests) <= 2
        if not page:
            break
        listed += page
        whole = Span(whole.low, page[-1]) if reverse else Span(page[-1] + 1, whole.high)
    assert listed == table.slice(Span(MIN_NS, MAX_NS), 1000, reverse=reverse)


def test_a_page_at_a_dense_end_takes_few_requests() -> None:
    week, burst = range(0, 10**6 * STEP, 10**4 * STEP), range(10**6 * STEP, 10**6 * STEP + 1000)
    table = Table([*week, *burst])
    dense = Span(0, burst[-1] + 1)
    spacing = dense.high / len(table.keys)
    for whole in (dense, Span(MIN_NS, MAX_NS)):
        table.requests.clear()
        assert table.walk(Keys(whole, dense, spacing), 30, reverse=True) == list(burst[:-31:-1])
        assert len(table.requests) <= 16


@pytest.mark.parametrize("reverse", [False, True])
def test_rows_outside_of_old_statistics_are_found_in_few_requests(reverse: bool) -> None:
    table, dense = evenly_spaced(10_000)
    old = Span(dense.low + 4000 * STEP, dense.high - 4000 * STEP)
    page = table.walk(Keys(Span(MIN_NS, MAX_NS), old, STEP), 30, reverse=reverse)
    assert page == table.slice(dense, 30, reverse=reverse)
    assert len(table.requests) <= 80


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("reverse", [False, True])
def test_a_page_beside_a_wide_gap_takes_few_requests(reverse: bool, sample: str) -> None:
    gap = 54 * 365 * 86400 * 10**9
    table = Table(keys_of_clusters([(0, 4000, 10**9), (gap, 500, 10**9)]), SAMPLES[sample])
    dense = Span(0, table.keys[-1] + 10**9)
    keys = Keys(dense, dense, dense.width / len(table.keys))
    assert table.walk(keys, 100, reverse=reverse) == table.slice(dense, 100, reverse=reverse)
    assert len(table.requests) <= (6 if sample == "any" else 5)


@pytest.mark.parametrize("matching", [0, 1, 3, 100])
def test_few_matching_rows_take_one_further_request(matching: int) -> None:
    table = Table(range(0, 26_000 * STEP, 26_000 * STEP // (matching or 1)) if matching else [])
    dense = Span(0, 26_000 * STEP)
    page = table.walk(Keys(dense, dense, STEP), 100)
    assert page == table.keys
    assert len(table.requests) <= 2


def test_a_walk_that_drops_rows_reads_full_requests() -> None:
    table = Table(range(10_000))

    def fetch(part: Span, cap: int | None) -> Found:
        answer = table.fetch(part, cap)
        return Found(answer.rows[:1], complete=True) if answer.complete else answer

    keys = Keys(Span(0, 10_000), Span(0, 10_000), 10_000.0)
    walk(keys, 40, fetch, lambda row: row["key"], thinned=True)
    assert len(table.requests) <= 2 * 10_000 / (256 * 3 / 4) + 4


def test_an_empty_span_or_limit_takes_no_request() -> None:
    table, dense = evenly_spaced(10)
    assert table.walk(Keys(Span(5, 5), dense, STEP), 10) == []
    assert table.walk(Keys(dense, dense, STEP), 0) == []
    assert table.requests == []


def test_an_empty_table_takes_one_request() -> None:
    table = Table([])
    assert table.walk(Keys(Span(MIN_NS, MAX_NS), Span(0, 0), 1.0), 100) == []
    assert len(table.requests) == 1


def test_a_request_has_a_cap_while_its_range_can_be_narrowed() -> None:
    table = Table(range(10**5))
    caps = []

    def fetch(part: Span, cap: int | None) -> Found:
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
def test_ids_are_paged_by_position(ids: set[UUID], rows: int, limit: int) -> None:
    table = Table(sorted(id_position(str(uuid)) for uuid in ids))
    page = table.walk(Keys(ID_SPACE, ID_SPACE, ID_SPACE.high / rows), limit)
    assert page == table.keys[:limit]


@given(st.uuids(), st.uuids())
def test_positions_are_in_the_order_of_the_ids(first: UUID, second: UUID) -> None:
    assert (id_position(str(first)) <= id_position(str(second))) or str(first) > str(second)


@given(st.uuids())
def test_an_id_is_between_the_bounds_around_its_position(uuid: UUID) -> None:
    position = id_position(str(uuid))
    assert id_bound(position) <= str(uuid) < id_bound(position + 1)


def test_the_bounds_of_the_whole_space_include_every_id() -> None:
    low, high = (id_bound(position) for position in ID_SPACE)
    assert low <= str(UUID(int=0)) <= str(UUID(int=2**128 - 1)) < high
