"""Segments: listing, registering, deleting."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from services.metadata.application.access import flow_not_found, owning_flow, writable_flow
from services.metadata.application.clock import Clock, Moment, moment
from services.metadata.application.deletions import Begun, Deletions, begin
from services.metadata.application.outbox import Outbox
from services.metadata.application.pages import DEFAULT_PAGE, MAX_PAGE, Page
from services.metadata.application.ports import SegmentQuery, Store, Tables
from services.metadata.application.registering import Failed, register
from services.metadata.application.segment_pages import LISTING, rows_page
from services.metadata.domain.segment import Segment, StoredSegment
from services.metadata.domain.segment_lines import SegmentLines
from services.shared.errors import InvalidArgument, TamsError
from services.shared.ids import is_uuid
from services.shared.paging import decode_token, encode_token, page_size
from services.shared.timerange import TimeRange

MAX_SEGMENTS: Final = 10_000
MAX_BATCH: Final = 256


class Registration(NamedTuple):
    """Segments to register in one flow."""

    flow_id: str
    segments: Sequence[Segment]


class LinesPage(NamedTuple):
    """Segments as text, the token of the page that follows (empty on the last), and the page size."""

    lines: SegmentLines
    next_token: str
    size: int


class Segments:
    """The segment index."""

    def __init__(self, store: Store, clock: Clock, deletions: Deletions) -> None:
        self._store = store
        self._clock = clock
        self._deletions = deletions

    async def page(self, query: SegmentQuery, asked: int, token: str) -> Page[StoredSegment]:
        """One page of the segments that overlap the range; none for an unknown flow."""
        wanted, size = _asked(query, asked, token)
        rows = await self._store.read(lambda tables: tables.segments.page(wanted, size + 1))
        return rows_page(rows, size)

    async def lines(self, query: SegmentQuery, asked: int, token: str) -> LinesPage:
        """The same page as text."""
        wanted, size = _asked(query, asked, token)
        lines = await self._store.read(lambda tables: tables.segments.lines(wanted, size))
        return LinesPage(lines, "" if lines.after is None else encode_token(LISTING, lines.after), size)

    async def create(self, registration: Registration) -> list[Failed]:
        """Register segments; those that failed, in the order given."""
        (result,) = await self.create_many([registration])
        if isinstance(result, TamsError):
            raise result
        return result

    async def create_many(self, registrations: Sequence[Registration]) -> list[list[Failed] | TamsError]:
        """For each registration what failed in it, or why none of it was tried."""
        if sum(len(one.segments) for one in registrations) > MAX_SEGMENTS:
            raise InvalidArgument(f"at most {MAX_SEGMENTS} segments at once", reason="TOO_MANY_ITEMS")
        if len(registrations) > MAX_BATCH:
            raise InvalidArgument(f"at most {MAX_BATCH} registrations at once", reason="TOO_MANY_ITEMS")
        now = moment(self._clock)

        def change(tables: Tables) -> list[list[Failed] | TamsError]:
            return [_create_or_error(tables, one, now) for one in registrations]

        return await self._store.write(change)

    async def delete(self, flow_id: str, within: TimeRange, object_id: str | None) -> Begun:
        """Delete the segments that the range covers; what is gone and what is still under way."""
        now = moment(self._clock)

        def change(tables: Tables) -> Begun:
            flow = writable_flow(tables, flow_id)
            begun = begin(tables, flow, within, object_id, now)
            Outbox(tables, now.ns).segments_deleted(flow, begun.removed.span)
            return begun

        return await self._deletions.finish(await self._store.write(change))


def _asked(query: SegmentQuery, asked: int, token: str) -> tuple[SegmentQuery, int]:
    """What to list, and at most how many."""
    if not is_uuid(query.flow_id):
        raise flow_not_found(query.flow_id)
    after = decode_token(token, LISTING, int)
    return query._replace(after=after), page_size(asked, default=DEFAULT_PAGE, maximum=MAX_PAGE)


def _create_or_error(tables: Tables, registration: Registration, now: Moment) -> list[Failed] | TamsError:
    try:
        flow = owning_flow(tables, registration.flow_id)
    except TamsError as error:
        return error
    return register(tables, flow, registration.segments, now)
