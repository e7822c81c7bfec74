"""Pages while rows come, change and go: what stays is listed once, nothing twice, and all in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.churning import PLACES, STATES, Change, Flows, References, Segments, Sources
from tests.support.effort import examples
from tests.support.walking import pages

CHANGES = st.lists(st.tuples(st.integers(0, PLACES - 1), st.sampled_from(STATES)), max_size=4)


class Rows:
    """What is at each place now, and where the same row has been listed since the walk began."""

    def __init__(self, listing):
        self.listing = listing
        self.now = ["gone"] * PLACES
        self.lasting = set()

    async def begin(self, changes):
        await self.listing.start()
        for place in range(self.listing.first):
            await self.listing.change(Change(place, "gone", "in"))
            self.now[place] = "in"
        await self.apply(changes)
        self.lasting = {place for place in range(PLACES) if self.now[place] == "in"}

    async def apply(self, changes):
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
async def test_walks(tams, kind, *, at_first, between, limit, reverse):
    listing = kind(tams, reverse=reverse)
    rows = Rows(listing)
    await rows.begin([(place, "in") for place in at_first])
    changes = iter(between)
    seen = []
    async for _, items in pages(tams, listing.path, listing.params, limit):
        found = [listing.place_of(one) for one in items]
        assert all(rows.now[place] == "in" for place in found)
        seen += found
        await rows.apply(next(changes, []))
    assert seen == sorted(set(seen), reverse=listing.reverse)
    assert rows.lasting <= set(seen)
