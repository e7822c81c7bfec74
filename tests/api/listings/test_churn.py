"""Walks through pages while rows are added, changed and removed.

Rows that stay are listed once, no row is listed twice, and the order holds.
"""

from collections.abc import Iterable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.http.walking import pages
from tests.support.models.churning import (
    PLACES,
    STATES,
    Change,
    Flows,
    Listing,
    References,
    Segments,
    Sources,
    State,
)
from tests.support.services.effort import examples

# A place, and the state that it shall get.
Placed = tuple[int, State]

CHANGES = st.lists(st.tuples(st.integers(0, PLACES - 1), st.sampled_from(STATES)), max_size=4)


class Rows:
    """The state of each place, and the places whose row was there all the time since the walk began."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.now: list[State] = ["gone"] * PLACES
        self.lasting: set[int] = set()

    async def begin(self, changes: Iterable[Placed]) -> None:
        await self.listing.start()
        for place in range(self.listing.first):
            await self.listing.change(Change(place, "gone", "in"))
            self.now[place] = "in"
        await self.apply(changes)
        self.lasting = {place for place in range(PLACES) if self.now[place] == "in"}

    async def apply(self, changes: Iterable[Placed]) -> None:
        for place, state in changes:
            before = self.now[place]
            if place < self.listing.first or before == state == "gone":
                continue
            await self.listing.change(Change(place, before, state))
            self.now[place] = state
            if state != "in" or not self.listing.keeps_rows:
                self.lasting.discard(place)


@pytest.mark.parametrize("kind", [Flows, Sources, References, Segments])
@examples(15, vast=4)
@given(
    at_first=st.sets(st.integers(0, PLACES - 1)),
    between=st.lists(CHANGES, max_size=PLACES),
    limit=st.integers(1, 4),
    reverse=st.booleans(),
)
async def test_a_walk_lists_each_lasting_row_once_and_in_order(
    tams: httpx.AsyncClient,
    kind: type[Listing],
    *,
    at_first: set[int],
    between: list[list[Placed]],
    limit: int,
    reverse: bool,
) -> None:
    listing = kind(tams, reverse=reverse)
    rows = Rows(listing)
    await rows.begin([(place, "in") for place in at_first])
    changes = iter(between)
    seen = []
    async for _, items in pages(tams, listing.path, listing.params, limit):
        listed = [listing.place_of(item) for item in items]
        assert all(rows.now[place] == "in" for place in listed)
        seen += listed
        await rows.apply(next(changes, []))
    assert seen == sorted(set(seen), reverse=listing.reverse)
    assert rows.lasting <= set(seen)
