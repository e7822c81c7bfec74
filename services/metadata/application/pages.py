"""Pages of listings: their size in items and bytes, and the token that leads to the next page."""

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Generic, TypeVar

from services.shared.errors import InvalidArgument
from services.shared.paging import encode_token

T = TypeVar("T")

DEFAULT_PAGE: Final = 100
MAX_PAGE: Final = 1000
# A page ends before it exceeds this, unless its first item alone does.
PAGE_BYTES: Final = 4 * 1024 * 1024
# Each tag is a condition of its own in the query.
MAX_TAG_FILTERS: Final = 100


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items, the token of the next page (empty on the last page), and the number of items asked for."""

    items: Sequence[T]
    next_token: str
    size: int


def check_tag_filters(*filters: Sized) -> None:
    """InvalidArgument TOO_MANY_ITEMS if the filters have more than MAX_TAG_FILTERS tags together."""
    if sum(map(len, filters)) > MAX_TAG_FILTERS:
        raise InvalidArgument(f"at most {MAX_TAG_FILTERS} tag filters at once", reason="TOO_MANY_ITEMS")


def make_page(
    rows: Sequence[T],
    size: int,
    listing: str,
    key: Callable[[T], object],
    weight: Callable[[T], int] | None = None,
) -> Page[T]:
    """The page with the first `size` rows, or fewer if these exceed PAGE_BYTES.

    `rows` has one row more than `size` if another page follows. `key` gives the value of a row for the token
    of the listing, `weight` the bytes of a row; without it, rows are taken to be small.
    """
    count = size if weight is None else min(size, count_fitting(rows, weight))
    if len(rows) <= count:
        return Page(rows, "", size)
    items = rows[:count]
    return Page(items, encode_token(listing, key(items[-1])), size)


def take_until_full(rows: Iterable[T], weight: Callable[[T], int]) -> Iterator[T]:
    """The rows up to the first one that does not fit into a page, which is included."""
    total = 0
    for index, row in enumerate(rows):
        yield row
        total += weight(row)
        if index and total > PAGE_BYTES:
            return


def count_fitting(rows: Sequence[T], weight: Callable[[T], int], max_bytes: int = PAGE_BYTES) -> int:
    """The number of first rows that have at most `max_bytes` together; at least 1."""
    return max(1, sum(total <= max_bytes for total in accumulate(map(weight, rows))))
