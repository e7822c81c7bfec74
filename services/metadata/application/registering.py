"""Registering segments: each stands for itself, and none may overlap another."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from services.metadata.application.clock import Moment
from services.metadata.application.outbox import Outbox
from services.metadata.application.ports import Tables
from services.metadata.domain.flow import StoredFlow
from services.metadata.domain.object import MediaObject, usable
from services.metadata.domain.segment import Segment, check, stored_segment
from services.shared.errors import InvalidArgument, TamsError
from services.shared.timerange import MIN_NS, TimeRange


@dataclass(frozen=True, slots=True)
class Failed:
    """A segment that was not stored: its place in the request and why."""

    index: int
    error: TamsError


def register(tables: Tables, flow: StoredFlow, segments: Sequence[Segment], now: Moment) -> list[Failed]:
    """Store those of the segments that may be; the others and why, in order."""
    failed, sound = _checked(segments)
    known = tables.objects.get_many(dict.fromkeys(segment.object_id for _, segment in sound))
    occupied = tables.segments.occupied(flow.id, [segment.timerange for _, segment in sound])
    accepted: list[tuple[Segment, MediaObject]] = []
    used: dict[str, MediaObject] = {}
    taken = _Taken()
    for (index, segment), is_occupied in zip(sound, occupied, strict=True):
        object_id = segment.object_id
        try:
            item = used.get(object_id) or usable(
                known.get(object_id), object_id, flow.id, has_urls=bool(segment.external_urls)
            )
            taken.claim(segment.timerange, is_occupied)
        except TamsError as error:
            failed.append(Failed(index, error))
            continue
        used[object_id] = item
        accepted.append((segment, item))
    if accepted:
        tables.objects.add(item for item in used.values() if item.id not in known)
        tables.objects.register([item.id for item in used.values() if not item.is_registered], flow.id)
        _store(tables, flow, accepted, now)
    return sorted(failed, key=lambda one: one.index)


class _Taken:
    """Ranges accepted so far in one call, none overlapping another."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._last = MIN_NS

    def claim(self, timerange: TimeRange, is_occupied: bool) -> None:
        """Take a range. InvalidArgument SEGMENT_OVERLAP when it is taken, or occupied in the tables."""
        start, end = timerange.start, timerange.end
        if is_occupied or start is None or end is None:
            raise _overlap(timerange)
        # Most lists are in order of time.
        at = len(self._starts) if start >= self._last else bisect_right(self._starts, start)
        if (at and self._ends[at - 1] > start) or (at < len(self._starts) and end > self._starts[at]):
            raise _overlap(timerange)
        self._starts.insert(at, start)
        self._ends.insert(at, end)
        self._last = max(self._last, end)


def _overlap(timerange: TimeRange) -> InvalidArgument:
    return InvalidArgument(
        f"{timerange} overlaps a segment of the flow", reason="SEGMENT_OVERLAP", path="$.timerange"
    )


def _checked(segments: Sequence[Segment]) -> tuple[list[Failed], list[tuple[int, Segment]]]:
    failed: list[Failed] = []
    sound: list[tuple[int, Segment]] = []
    for index, segment in enumerate(segments):
        try:
            check(segment)
        except TamsError as error:
            failed.append(Failed(index, error))
        else:
            sound.append((index, segment))
    return failed, sound


def _store(
    tables: Tables, flow: StoredFlow, accepted: Sequence[tuple[Segment, MediaObject]], now: Moment
) -> None:
    tables.segments.insert(flow.timeline, accepted, now.text)
    outbox = Outbox(tables, now.ns)
    if outbox.wanted:
        outbox.segments_added(flow, [stored_segment(*pair) for pair in accepted])
