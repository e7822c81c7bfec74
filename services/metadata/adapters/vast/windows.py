"""Paging without ORDER BY: ranges of a key, asked for one after the other until there is enough.

The server returns the rows of a range in no order. So a page is cut from ranges that are as wide as the
page is expected to need: each is fetched, sorted, and followed by a wider one while rows are missing, or
by a narrower one when it holds more than its share.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from services.metadata.adapters.vast.queries import Row

# A range is meant to hold a little more than what is missing, so that one request is mostly enough.
_SPARE: Final = 1.25
_GROWTH: Final = 4
# Rows of a range beyond this many times the page mean that keys are denser there than elsewhere.
_DENSE: Final = 4
_LEAST_CAP: Final = 256


class Span(NamedTuple):
    """Keys from `low` to below `high`."""

    low: int
    high: int


class Keys(NamedTuple):
    """Keys to walk over: all that are asked for, where rows are known to be, and how densely.

    `per_row` is how much of the keys' range a row takes on average.
    """

    whole: Span
    dense: Span
    per_row: float


def walk(
    keys: Keys,
    limit: int,
    fetch: Callable[[Span, int | None], list[Row] | None],
    key: Callable[[Row], int],
    *,
    reverse: bool = False,
) -> list[Row]:
    """The first `limit` rows of a span, by key.

    What lies beyond the dense keys is asked for together with their edges. `fetch` returns the rows of a
    span and takes a cap: it answers None when there may be more than that.
    """
    found: list[Row] = []
    rest, dense, per_row = keys
    width = step = max(1, int(per_row * limit * _SPARE))
    cap = max(_LEAST_CAP, _DENSE * limit)
    while len(found) < limit and rest.low < rest.high:
        part, after = _split(rest, dense, width, reverse=reverse)
        rows = fetch(part, None if part.high - part.low == 1 else cap)
        if rows is not None:
            found.extend(sorted(rows, key=key, reverse=reverse))
            rest, width = after, _next_width(width, len(rows), limit - len(found))
        elif _starts_outside(part, dense, reverse=reverse):
            dense, step = _widened(dense, part, step, reverse=reverse), step * _GROWTH
        else:
            dense, width = _widened(dense, part, 0, reverse=reverse), max(1, width // (2 * _DENSE))
    return found[:limit]


def _starts_outside(part: Span, dense: Span, *, reverse: bool) -> bool:
    return part.high > dense.high if reverse else part.low < dense.low


def _widened(dense: Span, part: Span, step: int, *, reverse: bool) -> Span:
    """The dense keys, with all that a part of many rows has ahead of them, and a step of what is behind."""
    low, high = dense
    if reverse:
        return Span(min(low, part.low), min(part.high, high + step) if step else high)
    return Span(max(part.low, low - step) if step else low, max(high, part.high))


def _split(rest: Span, dense: Span, width: int, *, reverse: bool) -> tuple[Span, Span]:
    """The next part, and the rest after it."""
    if reverse:
        edge = min(rest.high, dense.high) - width
        edge = rest.low if edge <= max(dense.low, rest.low) else min(edge, rest.high - 1)
        return Span(edge, rest.high), Span(rest.low, edge)
    edge = max(rest.low, dense.low) + width
    edge = rest.high if edge >= min(dense.high, rest.high) else max(edge, rest.low + 1)
    return Span(rest.low, edge), Span(edge, rest.high)


def _next_width(width: int, found: int, missing: int) -> int:
    if not found:
        return width * _GROWTH
    return max(width, min(width * _GROWTH, int(width / found * missing * _SPARE)))


# A UUID's first twelve hex digits as a number: enough to cut the ids' space into ranges.
_DIGITS: Final = 12
ID_SPACE: Final = Span(0, 16**_DIGITS)


def id_position(resource_id: str) -> int:
    """Where a UUID stands among all UUIDs."""
    return int(resource_id.replace("-", "")[:_DIGITS], 16)


def id_bound(position: int) -> str:
    """The lowest text of UUIDs at a position; above every UUID at the end of the space."""
    if position >= ID_SPACE.high:
        return "g"
    digits = f"{position:0{_DIGITS}x}"
    return f"{digits[:8]}-{digits[8:]}"
