"""One page of a listing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from services.shared.paging import encode_token

T = TypeVar("T")

DEFAULT_PAGE: Final = 100
MAX_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items, the token of the page that follows (empty on the last), and the page size in force."""

    items: Sequence[T]
    next_token: str
    size: int


def cut(rows: Sequence[T], size: int, listing: str, key: Callable[[T], object]) -> Page[T]:
    """The page in rows that were fetched with one more than the size, to see whether more follow."""
    if len(rows) <= size:
        return Page(rows, "", size)
    items = rows[:size]
    return Page(items, encode_token(listing, key(items[-1])), size)
