"""The objects whose bytes are to be deleted, as `Objects.claim` would take them."""

from collections.abc import Iterable
from itertools import dropwhile
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from services.metadata.application.objects.objects import Ages, check_ages
from services.metadata.application.pages import DEFAULT_PAGE, MAX_PAGE, Page, make_page
from services.metadata.application.ports import Store, Tables
from services.metadata.domain.ids import ObjectId
from services.metadata.domain.objects.object import IdleObject, State
from services.shared.paging import decode_token, page_size

_LISTING: Final = "unused objects"


class _Place(NamedTuple):
    """The last object of a page, in a token."""

    state: Literal["reclaimed", "unreferenced", "allocated"]
    since_ms: Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
    object_id: ObjectId


class UnusedObjects:
    """Lists unused objects."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, ages: Ages, requested_size: int, token: str) -> Page[IdleObject]:
        """A page of the objects that a claim would take, in its order; it may have fewer than its size.

        InvalidArgument BAD_AGE or BAD_PAGE_TOKEN.
        """
        check_ages(ages)
        after = decode_token(token, _LISTING, _Place)
        size = page_size(requested_size, default=DEFAULT_PAGE, maximum=MAX_PAGE)
        rows = await self._store.scan(lambda tables: _rows(tables, ages, after, size + 1))
        page = make_page(rows, size, _LISTING, lambda row: (row.item.state, *row.place))
        unused = [row for row in page.items if not row.is_used and row.item.storage_id is not None]
        return Page(unused, page.next_token, page.size)


def _rows(tables: Tables, ages: Ages, after: _Place | None, limit: int) -> list[IdleObject]:
    rows: list[IdleObject] = []
    for state, seconds in _waiting(ages, after):
        place = (after.since_ms, after.object_id) if after is not None and after.state == state else None
        if seconds is not None and len(rows) < limit:
            rows += tables.objects.idle_page(state, seconds, place, limit - len(rows))
    return rows


def _waiting(ages: Ages, after: _Place | None) -> Iterable[tuple[State, int | None]]:
    """The states in the order of claims with their ages, from that of the last page on."""
    if after is None:
        return ages.in_order()
    return dropwhile(lambda each: each[0] != after.state, ages.in_order())
