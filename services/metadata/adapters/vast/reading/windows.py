"""Pages without ORDER BY: ranges of a key are read one after the other until the page is full.

The server returns the rows of a range in no order. So each range is as wide as the page is expected to need.
Its rows are fetched and sorted, and the next range follows while rows are missing. If a range has far more
rows than expected, the server returns only some of them, in no order. Their keys show where a narrower range
should end.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from services.metadata.adapters.vast.queries import Row

# A range is planned for a few more rows than are missing, so that one request is mostly enough.
_SPARE: Final = 1.25
# If a range has more than this many times the rows of the page, its keys are denser than on average.
_DENSE: Final = 2
_MIN_CAP: Final = 256
# If a range has less than this fraction of the expected rows, its density says nothing about the rest.
_FEW: Final = 1 / 8
_SHRINK: Final = 8
_GROWTH: Final = 4


class Span(NamedTuple):
    """Keys from `low` to below `high`."""

    low: int
    high: int

    @property
    def width(self) -> int:
        """The number of keys."""
        return self.high - self.low

    def first(self, width: int, *, reverse: bool) -> "Span":
        """The first `width` keys in reading order."""
        return Span(self.high - width, self.high) if reverse else Span(self.low, self.low + width)

    def after(self, part: "Span", *, reverse: bool) -> "Span":
        """The rest of the span, after a part at its beginning in reading order."""
        return Span(self.low, part.low) if reverse else Span(part.high, self.high)


class Keys(NamedTuple):
    """The keys to walk over: the whole span, and the part of it where rows are known to be dense.

    `per_row` is the average distance of two rows there, in keys.
    """

    whole: Span
    dense: Span
    per_row: float


class Found(NamedTuple):
    """The rows of a range. They are only some of them, in no order, unless `complete`."""

    rows: Sequence[Row]
    complete: bool


def walk(
    keys: Keys,
    limit: int,
    fetch: Callable[[Span, int | None], Found],
    key: Callable[[Row], int],
    *,
    reverse: bool = False,
    thinned: bool = False,
    cap: int | None = None,
) -> list[Row]:
    """The first `limit` rows of a span, by key.

    `fetch` returns the rows of a span, up to a cap, which is `cap` if given. `thinned` is True if it may drop
    rows of a complete range. Keys outside of the dense span are read together with its edges.
    """
    found: list[Row] = []
    rest, dense, per_row = keys
    width = max(1, int(min(per_row * limit * _SPARE, keys.whole.width)))
    cap = cap or max(_MIN_CAP, _DENSE * limit)
    may_widen, factor = True, 1
    while (missing := limit - len(found)) > 0 and rest.low < rest.high:
        part = _first(rest, dense, width, reverse=reverse)
        wanted_count, narrowed = int((cap * 3 // 4 if thinned else missing * factor) * _SPARE), False
        while not (answer := fetch(part, None if part.width == 1 else cap)).complete:
            sample = _distances(part, map(key, answer.rows), reverse=reverse)
            outside = _outside(part, dense, reverse=reverse)
            part, is_sure = _narrowed(
                part, outside, sample, wanted_count, reverse=reverse, may_widen=may_widen
            )
            width, may_widen, narrowed = part.width, may_widen and is_sure, True
        found.extend(sorted(answer.rows, key=key, reverse=reverse))
        rest = rest.after(part, reverse=reverse)
        # The range was narrowed because of rows that this transaction has deleted, probably with more there.
        factor = factor * _GROWTH if narrowed and len(answer.rows) < _FEW * missing else 1
        width = _next_width(width, rest, len(answer.rows), missing, may_widen=may_widen)
    return found[:limit]


def _first(rest: Span, dense: Span, width: int, *, reverse: bool) -> Span:
    """The next part: `width` dense keys and all keys before them. The last part has all later keys too."""
    part = rest.first(min(_outside(rest, dense, reverse=reverse) + width, rest.width), reverse=reverse)
    return rest if (part.low <= dense.low if reverse else part.high >= dense.high) else part


def _outside(part: Span, dense: Span, *, reverse: bool) -> int:
    """The number of keys of a part before the dense ones, in reading order."""
    return max(0, part.high - dense.high if reverse else dense.low - part.low)


def _distances(part: Span, sample: Iterable[int], *, reverse: bool) -> list[int]:
    """The distances of keys from the beginning of a part, in ascending order."""
    return sorted(part.high - key if reverse else key + 1 - part.low for key in sample)


def _narrowed(
    part: Span, outside: int, sample: Sequence[int], wanted_count: int, *, reverse: bool, may_widen: bool
) -> tuple[Span, bool]:
    """The beginning of a range with too many rows, chosen by the distances of some of them.

    The second value is True if the beginning is sure to have the wanted rows, or has no dense keys. It is
    False if the distances show nothing about the beginning, as when all these rows are at the far end.
    """
    outside = 0 if outside >= part.width else outside
    inside, sure_width = part.width - outside, sample[min(wanted_count, len(sample)) - 1]
    if outside < sure_width <= outside + inside // 2:
        return part.first(sure_width, reverse=reverse), True
    if outside:
        return part.first(outside, reverse=reverse), True
    width = inside // _SHRINK
    if may_widen:  # rows may be as dense at the beginning as those of the sample
        width = min(width, (sample[-1] - sample[0]) * wanted_count // len(sample))
    elif sample[0] > inside // 2:  # few rows are before them
        width = sample[0] - sample[0] // _SHRINK - 1
    return part.first(max(1, width), reverse=reverse), False


def _next_width(width: int, rest: Span, found: int, expected: int, *, may_widen: bool) -> int:
    """The width of the next part.

    After too few rows to estimate the density it is all of the rest, unless many rows are known to be there.
    """
    if found < _FEW * expected:
        return max(1, rest.width if may_widen else width * _GROWTH)
    return max(width, int(min(width * _GROWTH, width / found * (expected - found) * _SPARE)))


# The position of a UUID is the number in its first twelve hex digits, enough to divide ids into ranges.
_DIGITS: Final = 12
ID_SPACE: Final = Span(0, 16**_DIGITS)


def id_position(resource_id: str) -> int:
    """The position of a UUID among all UUIDs."""
    return int(resource_id.replace("-", "")[:_DIGITS], 16)


def id_bound(position: int) -> str:
    """The beginning of the lowest UUID at a position. At the end of the space it is above every UUID."""
    if position >= ID_SPACE.high:
        return "g"
    digits = f"{position:0{_DIGITS}x}"
    return f"{digits[:8]}-{digits[8:]}"
