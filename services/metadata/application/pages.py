"""One page of a listing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Generic, TypeVar

from services.shared.paging import encode_token

T = TypeVar("T")

DEFAULT_PAGE: Final = 100
MAX_PAGE: Final = 1000
# A page ends early rather than hold more than this, unless its first item does.
PAGE_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items, the token of the page that follows (empty on the last), and the page size in force."""

    items: Sequence[T]
    next_token: str
    size: int


def cut(
    rows: Sequence[T],
    size: int,
    listing: str,
    key: Callable[[T], object],
    weight: Callable[[T], int] | None = None,
) -> Page[T]:
    """The page in rows that were fetched with one more than the size, to see whether more follow.

    `weight` tells the bytes of a row, where rows may be heavy.
    """
    count = size if weight is None else min(size, _fitting(rows, weight))
    if len(rows) <= count:
        return Page(rows, "", size)
    items = rows[:count]
    return Page(items, encode_token(listing, key(items[-1])), size)


def enough(rows: Iterable[T], weight: Callable[[T], int]) -> Iterator[T]:
    """The rows up to the first that no page with those before it can hold."""
    held = 0
    for number, row in enumerate(rows):
        yield row
        held += weight(row)
        if number and held > PAGE_BYTES:
            return


def _fitting(rows: Sequence[T], weight: Callable[[T], int]) -> int:
    return max(1, sum(held <= PAGE_BYTES for held in accumulate(map(weight, rows))))
