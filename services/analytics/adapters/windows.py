"""Reads rows in the order of a key from a table that returns them in no order.

The range of the key is cut into windows, each small enough to be sorted in memory. Some windows are read
ahead, and memory is limited to the rows of those.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice, pairwise
from typing import Final, NamedTuple, TypeAlias

import pyarrow as pa

# The most windows that are being read or in memory.
AHEAD: Final = 4
# The intended number of rows of a window, and the number from which on it is divided.
TARGET_ROWS: Final = 32 * 1024
MAX_ROWS: Final = 64 * 1024


class Window(NamedTuple):
    """The keys from `low` to below `high`."""

    low: int
    high: int


class Part(NamedTuple):
    """The rows of a window as a sorted table, or the windows that replace one with too many rows."""

    rows: pa.Table
    windows: tuple[Window, ...] = ()


Read: TypeAlias = Callable[[Window], Part]


def cut(whole: Window, dense: Window, rows: int) -> Iterator[Window]:
    """Cut `whole` into ascending windows.

    `rows` is the estimated number of rows in the part `dense`; few rows are expected outside of it.
    """
    low, high = max(whole.low, dense.low), min(whole.high, dense.high)
    count = max(1, -(-rows // TARGET_ROWS)) if low < high else 1
    count = min(count, max(1, high - low))
    inner = (low + (high - low) * number // count for number in range(1, count))
    for begin, end in pairwise([whole.low, *inner, whole.high]):
        yield Window(begin, end)


def divide(window: Window, keys: pa.ChunkedArray) -> tuple[Window, Window]:
    """Divide a window of more than one key into two, at the median of the keys of some of its rows."""
    middle = sorted(keys.to_pylist())[len(keys) // 2]
    middle = min(max(middle, window.low + 1), window.high - 1)
    return Window(window.low, middle), Window(middle, window.high)


def in_order(windows: Iterator[Window], read: Read) -> Generator[pa.RecordBatch, None, None]:
    """The rows of ascending windows in order. Closing it early waits for windows that are being read."""
    slots: deque[_Slot] = deque()
    with ThreadPoolExecutor(AHEAD, "window") as pool:
        try:
            while True:
                slots.extend(_Slot(window) for window in islice(windows, max(0, AHEAD - len(slots))))
                if not slots:
                    return
                for slot in islice(slots, AHEAD):
                    slot.start(pool, read)
                for slot in islice(slots, AHEAD, None):
                    slot.drop()
                part = slots.popleft().result()
                slots.extendleft(_Slot(window) for window in reversed(part.windows))
                if part.rows is not None:
                    yield from part.rows.to_batches()
                del part
        finally:
            pool.shutdown(cancel_futures=True)


class _Slot:
    """A window, and its rows once they are read or being read."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._part: Future[Part] | None = None

    def start(self, pool: ThreadPoolExecutor, read: Read) -> None:
        if self._part is None:
            self._part = pool.submit(read, self._window)

    def drop(self) -> None:
        if self._part is not None:
            self._part.cancel()
            self._part = None

    def result(self) -> Part:
        assert self._part is not None  # noqa: S101 - the first slots were started
        return self._part.result()
