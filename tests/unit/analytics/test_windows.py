import threading
from itertools import pairwise

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.adapters.windows import AHEAD, Part, Window, cut, divide, in_order

KEYS = st.sets(st.integers(-1000, 1000) | st.integers(-10, 10), max_size=60)
BOUNDS = st.integers(-1200, 1200)


class Table:
    """A sorted table that returns at most `max_rows` rows at a time, and counts its reads."""

    def __init__(self, keys: set[int], max_rows: int, *, first: bool) -> None:
        self._keys = sorted(keys)
        self._max_rows = max_rows
        self._first = first
        self._lock = threading.Lock()
        self.reads = self.whole = 0

    def read(self, window: Window) -> Part:
        with self._lock:
            self.reads += 1
        keys = [key for key in self._keys if window.low <= key < window.high]
        if len(keys) < self._max_rows or window.high - window.low == 1:
            with self._lock:
                self.whole += 1
            return Part(pa.table({"key": pa.array(keys, pa.int64())}))
        rows = keys[: self._max_rows] if self._first else keys[-self._max_rows :]
        return Part(None, divide(window, pa.chunked_array([rows])))

    def read_ahead(self, taken: int) -> int:
        """The number of windows that were read whole but not taken yet."""
        with self._lock:
            return self.whole - taken


def keys_in_order(table: Table, windows: list[Window]) -> list[int]:
    keys: list[int] = []
    for batch in in_order(iter(windows), table.read):
        keys += batch["key"].to_pylist()
    return keys


@given(
    keys=KEYS,
    max_rows=st.integers(2, 8),
    first=st.booleans(),
    bounds=st.sets(BOUNDS, min_size=2, max_size=12),
)
def test_each_row_is_read_once_and_in_order(
    keys: set[int], max_rows: int, first: bool, bounds: set[int]
) -> None:
    windows = [Window(*pair) for pair in pairwise(sorted(bounds))]
    expected = sorted(key for key in keys if min(bounds) <= key < max(bounds))
    assert keys_in_order(Table(keys, max_rows, first=first), windows) == expected


def test_the_number_of_windows_read_ahead_is_bounded() -> None:
    table = Table(set(range(1000)), 20, first=True)
    windows = [Window(low, low + 10) for low in range(0, 1000, 10)]
    batches = in_order(iter(windows), table.read)
    for number, _ in enumerate(batches, 1):
        assert table.read_ahead(number) <= AHEAD
    assert table.reads == 100


def test_the_number_of_reads_depends_on_rows_and_not_on_the_width() -> None:
    table = Table(set(range(1000)), 20, first=True)
    assert keys_in_order(table, [Window(-(2**63), 2**63 - 1)]) == list(range(1000))
    assert table.reads < 3 * 1000 // 10 * AHEAD


@given(low=BOUNDS, width=st.integers(1, 500), rows=st.integers(0, 10**7), dense=st.tuples(BOUNDS, BOUNDS))
def test_cut_windows_cover_the_range_without_overlap(
    low: int, width: int, rows: int, dense: tuple[int, int]
) -> None:
    windows = list(cut(Window(low, low + width), Window(*dense), rows))
    assert windows[0].low == low
    assert windows[-1].high == low + width
    assert all(window.high == following.low for window, following in pairwise(windows))
    assert all(window.low < window.high for window in windows)
