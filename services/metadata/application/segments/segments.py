"""Segments: listing, registration, deletion."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Final, NamedTuple

from services.metadata.application.access import require_owning_flow, require_writable_flow
from services.metadata.application.audit.recording import record
from services.metadata.application.classes.seeing import whole
from services.metadata.application.clock import Clock, Moment, authored_moment
from services.metadata.application.delete_options import DEFAULT_OPTIONS, DeleteOptions
from services.metadata.application.deletion_requests import (
    DeletionProgress,
    Deletions,
    deletion_facts,
    start_deletion,
)
from services.metadata.application.pages import DEFAULT_PAGE, MAX_PAGE
from services.metadata.application.parts import MIN_SIZE, in_parts
from services.metadata.application.ports import Divisible, SegmentQuery, Slow, Store, Tables
from services.metadata.application.segments.live_feeds import LiveFeeds
from services.metadata.application.segments.registration import Failure, register
from services.metadata.application.webhooks.outbox import Outbox
from services.metadata.domain.audit import Facts
from services.metadata.domain.documents.jsons import check_json_lines
from services.metadata.domain.objects.external_url import WEB
from services.metadata.domain.segments.lines import SegmentLines
from services.metadata.domain.segments.segment import Segment
from services.metadata.domain.trash import SoftDelete
from services.shared.errors import Conflict, Exhausted, InvalidArgument, TamsError, Unavailable
from services.shared.paging import decode_token, encode_token, page_size
from services.shared.telemetry.metrics import Metrics
from services.shared.timerange import TimeRange, bounds_of

MAX_SEGMENTS: Final = 10_000
MAX_BATCH: Final = 256
# Segments that are registered quickly. More are a long change.
_FEW: Final = 500
# Tries of a later part of a list if the database fails.
_PART_TRIES: Final = 3
_UNKNOWN: Final = "OUTCOME_UNKNOWN"
_LISTING: Final = "segments"


class Registration(NamedTuple):
    """Segments to register in one flow."""

    flow_id: str
    segments: Sequence[Segment[str]]
    # The ids of objects whose bytes the caller did not find in storage.
    missing: Collection[str] = ()


class SegmentPage(NamedTuple):
    """Segments, the token of the next page (empty on the last page), and the number of segments asked for."""

    lines: SegmentLines
    next_token: str
    size: int


class Segments:
    """The segment index. External URLs may have one of `url_schemes`."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        deletions: Deletions,
        url_schemes: Collection[str] = WEB,
        feeds: LiveFeeds | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._deletions = deletions
        self._url_schemes = url_schemes
        self._feeds = feeds or LiveFeeds(Metrics())

    async def page(self, query: SegmentQuery, requested_size: int, token: str) -> SegmentPage:
        """A page of the segments that overlap the range; empty if the flow does not exist.

        InvalidArgument BAD_PAGE_TOKEN.
        """
        size = page_size(requested_size, default=DEFAULT_PAGE, maximum=MAX_PAGE)
        page_query = query._replace(after=decode_token(token, _LISTING, int))
        lines = await self._store.read(lambda tables: tables.segments.lines(page_query, size))
        check_json_lines(lines.documents, "a segment of flow", query.flow_id)
        return SegmentPage(lines, "" if lines.after is None else encode_token(_LISTING, lines.after), size)

    async def create(self, registration: Registration) -> list[Failure]:
        """Register segments; returns the failures of those that were not stored, in order.

        If others keep writing the same rows, a long list is registered in parts, the first segments first. An
        error that refuses a later part is the failure of each of its segments. Unavailable OUTCOME_UNKNOWN if
        the database fails after the first part.
        """
        count = len(registration.segments)
        if count <= _FEW:
            (result,) = await self.create_many([registration])
            if isinstance(result, TamsError):
                raise result
            return result
        check_count(count)
        check_count(len(registration.missing))
        parts = in_parts(count, partial(self._create_part, registration))
        return [failure async for part in parts for failure in part]

    async def _create_part(self, registration: Registration, begin: int, end: int) -> list[Failure]:
        part = registration._replace(segments=registration.segments[begin:end])
        result = await self._write_later_part(part, begin) if begin else await self._write_part(part)
        if not isinstance(result, TamsError):
            return [Failure(begin + failure.index, failure.error) for failure in result]
        if not begin:
            raise result
        return [Failure(index, result) for index in range(begin, end)]

    async def _write_later_part(self, part: Registration, done: int) -> list[Failure] | TamsError:
        """Register a part after the first `done` segments; tries again if the database fails."""
        tries = 0
        while True:
            tries += 1
            try:
                return await self._write_part(part)
            except (Unavailable, Exhausted) as error:
                if tries == _PART_TRIES or error.reason == _UNKNOWN:
                    raise _outcome_unknown(error, done) from error

    async def _write_part(self, registration: Registration) -> list[Failure] | TamsError:
        change = self._change([registration])
        is_divisible = len(registration.segments) > MIN_SIZE
        (result,) = await self._store.write(Divisible(change, list) if is_divisible else change)
        self._note([registration], [result])
        return result

    async def create_many(self, registrations: Sequence[Registration]) -> list[list[Failure] | TamsError]:
        """For each registration the failures of its segments, or the error that refuses it as a whole.

        InvalidArgument TOO_MANY_ITEMS if there are too many registrations, or segments in all.
        """
        count = sum(len(registration.segments) for registration in registrations)
        check_count(count)
        check_count(sum(len(registration.missing) for registration in registrations))
        if len(registrations) > MAX_BATCH:
            raise InvalidArgument(f"at most {MAX_BATCH} registrations at once", reason="TOO_MANY_ITEMS")
        change = self._change(registrations)
        results = await self._store.write(change if count <= _FEW else Slow(change))
        self._note(registrations, results)
        return results

    def _note(
        self, registrations: Sequence[Registration], results: Sequence[list[Failure] | TamsError]
    ) -> None:
        for (flow_id, segments, _), result in zip(registrations, results, strict=True):
            if not isinstance(result, TamsError):
                self._feeds.note(flow_id, segments, len(result))

    def _change(
        self, registrations: Sequence[Registration]
    ) -> Callable[[Tables], list[list[Failure] | TamsError]]:
        now = authored_moment(self._clock)

        def change(tables: Tables) -> list[list[Failure] | TamsError]:
            return [
                _create_or_error(tables, registration, now, self._url_schemes)
                for registration in registrations
            ]

        return change

    async def delete(
        self,
        flow_id: str,
        within: TimeRange,
        object_id: str | None,
        options: DeleteOptions = DEFAULT_OPTIONS,
    ) -> DeletionProgress:
        """Delete the segments that the range covers, only those of the object if its id is given.

        The errors of `require_writable_flow` and of TrashRules.soft_delete, or Exhausted TOO_MANY_DELETIONS.
        """
        now = authored_moment(self._clock)
        soft = self._deletions.trash.soft_delete(options, now)
        return await self.delete_as(flow_id, (within, object_id), now, soft)

    async def delete_as(
        self, flow_id: str, wanted: tuple[TimeRange, str | None], now: Moment, soft: SoftDelete | None
    ) -> DeletionProgress:
        """The same, as a part of a soft deletion or for good."""
        within, object_id = wanted

        def change(tables: Tables) -> DeletionProgress:
            flow, tables = require_writable_flow(tables, flow_id), whole(tables)
            progress = start_deletion(tables, flow, within, object_id, now, soft=soft)
            Outbox(tables, now).segments_deleted(flow, progress.removed.span)
            record(tables, now, "segments.delete", f"flow:{flow.id}", deletion_facts(progress))
            return progress

        return await self._deletions.finish(await self._store.write(Slow(change)))


def check_count(count: int) -> None:
    """InvalidArgument TOO_MANY_ITEMS if a call has more segments, or missing objects, than MAX_SEGMENTS."""
    if count > MAX_SEGMENTS:
        raise InvalidArgument(f"at most {MAX_SEGMENTS} segments at once", reason="TOO_MANY_ITEMS")


def _outcome_unknown(error: TamsError, done: int) -> Unavailable:
    return Unavailable(
        f"the first {done} segments of the list are done; later ones may be registered or not:"
        f" {error.summary}",
        reason=_UNKNOWN,
    )


def _create_or_error(
    tables: Tables, registration: Registration, now: Moment, url_schemes: Collection[str]
) -> list[Failure] | TamsError:
    try:
        flow = require_owning_flow(tables, registration.flow_id)
    except TamsError as error:
        return error
    try:
        failures = register(
            tables, flow, registration.segments, now, url_schemes, missing=registration.missing
        )
    except Conflict as error:
        return error
    if now.trail is not None:
        _record_registration(whole(tables), registration, failures, now)
    return failures


def _record_registration(
    tables: Tables, registration: Registration, failures: Sequence[Failure], now: Moment
) -> None:
    """Record the segments that were stored: their number, and the range that spans them."""
    refused = {failure.index for failure in failures}
    stored = [
        segment.timerange for index, segment in enumerate(registration.segments) if index not in refused
    ]
    if stored:
        starts, ends = bounds_of(stored)
        span = TimeRange(min(starts), max(ends))
        facts: Facts = {"count": len(stored), "span": str(span), "refused": len(refused)}
        record(tables, now, "segments.put", f"flow:{registration.flow_id}", facts)
