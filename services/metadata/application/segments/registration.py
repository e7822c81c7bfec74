"""Registers segments in a flow. Each is accepted or refused on its own; none may overlap another."""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from services.metadata.application.classes.seeing import hidden_objects, whole
from services.metadata.application.clock import Moment
from services.metadata.application.deletion_requests import spare_segments
from services.metadata.application.ports import Tables
from services.metadata.application.webhooks.outbox import Outbox
from services.metadata.domain.documents.classes import outside_classes
from services.metadata.domain.flows.flow import StoredFlow
from services.metadata.domain.ids import FlowId, ObjectId
from services.metadata.domain.objects.external_url import WEB
from services.metadata.domain.objects.object import MediaObject, check_uploaded, referenced_object
from services.metadata.domain.segments.segment import Segment, UrlRules, check
from services.metadata.domain.segments.stored import stored_segments
from services.shared.errors import InvalidArgument, TamsError
from services.shared.timerange import TimeRange


@dataclass(frozen=True, slots=True)
class Failure:
    """A segment or row that was not stored: its index in the request, and the error."""

    index: int
    error: TamsError


def register(
    tables: Tables,
    flow: StoredFlow,
    segments: Sequence[Segment[str]],
    now: Moment,
    schemes: Collection[str] = WEB,
    *,
    missing: Collection[str] = (),
) -> list[Failure]:
    """Store the segments that are valid; returns the failures of the others, in order.

    Their external URLs may have one of `schemes`. `missing` has the ids of objects without bytes in storage.
    Conflict RANGE_BEING_DELETED, before anything is written, if an open deletion cannot spare the segments.
    """
    seen, tables = tables, whole(tables)
    valid, failures = _check_each(segments, UrlRules(schemes, _reserved_labels(tables, segments)))
    stored_objects = tables.objects.get_many(dict.fromkeys(segment.object_id for _, segment in valid))
    occupied = tables.segments.occupied(flow.id, [segment.timerange for _, segment in valid])
    objects = _Objects(stored_objects, hidden_objects(seen, stored_objects), missing)
    accepted, refused = _accept(flow.id, zip(valid, occupied, strict=True), objects)
    if accepted:
        spare_segments(tables, flow, accepted)
        referenced = {item.id: item for _, item in accepted}.values()
        tables.objects.register([item.id for item in referenced if not item.is_registered], flow.id)
        new_objects = [item for item in referenced if item.id not in stored_objects]
        tables.segments.insert(flow.timeline, accepted, now.text, new_objects)
        outbox = Outbox(tables, now)
        if outbox.is_open:
            outbox.segments_added(flow, stored_segments(accepted))
    return sorted(failures + refused, key=lambda failure: failure.index)


def _accept(
    flow_id: FlowId,
    candidates: Iterable[tuple[tuple[int, Segment[ObjectId]], bool]],
    known: "_Objects",
) -> tuple[list[tuple[Segment[ObjectId], MediaObject]], list[Failure]]:
    """The segments to store, each with its object, and the failures of the others.

    Each candidate is a segment with its index, and True if a stored segment overlaps it.
    """
    accepted: list[tuple[Segment[ObjectId], MediaObject]] = []
    failures: list[Failure] = []
    objects: dict[ObjectId, MediaObject] = {}
    ranges = _AcceptedRanges()
    for (index, segment), is_occupied in candidates:
        object_id = segment.object_id
        try:
            item = objects.get(object_id) or _referenced(
                known, object_id, flow_id, has_urls=bool(segment.external_urls)
            )
            position = ranges.position(segment.timerange, is_occupied)
            if known.missing:
                check_uploaded(item, known.missing)
        except TamsError as error:
            failures.append(Failure(index, error))
            continue
        ranges.insert(position, segment.timerange)
        objects[object_id] = item
        accepted.append((segment, item))
    return accepted, failures


class _Objects(NamedTuple):
    """Stored objects by id, the ids of those that the caller does not see, and of those without bytes."""

    stored: Mapping[ObjectId, MediaObject]
    hidden: Collection[ObjectId]
    missing: Collection[str]


def _referenced(known: _Objects, object_id: ObjectId, flow_id: FlowId, *, has_urls: bool) -> MediaObject:
    """The object for a new segment of the flow. The errors of `referenced_object`.

    An object that the caller does not see is as unknown as one that does not exist. A segment with URLs
    would create it, which PermissionDenied OUTSIDE_CLASSES refuses.
    """
    stored = known.stored.get(object_id)
    if object_id in known.hidden:
        if has_urls:
            raise outside_classes(f"object {object_id!r} is outside the classes of the caller")
        stored = None
    return referenced_object(stored, object_id, flow_id, has_urls=has_urls)


class _AcceptedRanges:
    """The ranges of the segments accepted so far in one call, in order of time. None overlaps another."""

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def position(self, timerange: TimeRange, is_occupied: bool) -> int:
        """The index at which to insert the range.

        InvalidArgument SEGMENT_OVERLAP if it overlaps an accepted range, or a stored segment (`is_occupied`).
        """
        starts, ends, start, end = self._starts, self._ends, timerange.start, timerange.end
        if is_occupied or start is None or end is None:
            raise _overlap_error(timerange)
        # Most lists are in order of time.
        if not ends or start >= ends[-1]:
            return len(ends)
        position = bisect_right(starts, start)
        if (position and ends[position - 1] > start) or (position < len(starts) and end > starts[position]):
            raise _overlap_error(timerange)
        return position

    def insert(self, position: int, timerange: TimeRange) -> None:
        """Insert a range at its position."""
        self._starts.insert(position, timerange.start or 0)
        self._ends.insert(position, timerange.end or 0)


def _overlap_error(timerange: TimeRange) -> InvalidArgument:
    return InvalidArgument(
        f"{timerange} overlaps a segment of the flow", reason="SEGMENT_OVERLAP", path="$.timerange"
    )


def _reserved_labels(tables: Tables, segments: Sequence[Segment[str]]) -> Collection[str]:
    """The labels of storage backends; not read if no URL of the segments has a label."""
    if any(
        url.label is not None
        for segment in segments
        if segment.external_urls
        for url in segment.external_urls
    ):
        return frozenset(tables.storage_backends.all().values())
    return ()


def _check_each(
    segments: Sequence[Segment[str]], rules: UrlRules
) -> tuple[list[tuple[int, Segment[ObjectId]]], list[Failure]]:
    """The segments that are valid by themselves, each with its index, and the failures of the others."""
    valid: list[tuple[int, Segment[str]]] = []
    failures: list[Failure] = []
    for index, segment in enumerate(segments):
        try:
            check(segment, rules)
        except TamsError as error:
            failures.append(Failure(index, error))
        else:
            valid.append((index, segment))
    return cast("list[tuple[int, Segment[ObjectId]]]", valid), failures
