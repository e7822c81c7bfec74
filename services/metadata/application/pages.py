"""One page of a listing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
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
    weight: Callable[[T], int] = lambda _: 0,
) -> Page[T]:
    """The page in rows that were fetched with one more than the size, to see whether more follow.

    `weight` tells the bytes of a row; a page that would come to more than PAGE_BYTES is cut shorter.
    """
    fitting = sum(1 for _ in within(rows, weight)) if rows else 0
    count = min(size, max(1, fitting))
    if len(rows) <= count:
        return Page(rows, "", size)
    items = rows[:count]
    return Page(items, encode_token(listing, key(items[-1])), size)
