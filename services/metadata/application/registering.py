"""Registering segments: each stands for itself, and none may overlap another."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import le
from typing import Final

from services.metadata.application.clock import Moment
from services.metadata.application.outbox import Outbox
from services.metadata.application.ports import Tables
from services.metadata.domain.flow import StoredFlow
from services.metadata.domain.object import MediaObject, usable
from services.metadata.domain.segment import Segment, all_sound, check
from services.metadata.domain.stored_segments import StoredSegments
from services.shared.errors import InvalidArgument, TamsError
from services.shared.timerange import MIN_NS, TimeRange, bounds_of

# So many or less are sooner looked at one by one than by each of their fields.
_FEW: Final = 4

_Indexed = tuple[int, Segment]
_Accepted = tuple[Segment, MediaObject]


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
    accepted = _all_at_once(flow.id, sound, known, occupied) if len(sound) > _FEW else None
    if accepted is None:
        accepted, refused = _one_by_one(flow.id, sound, known, occupied)
        failed += refused
    if accepted:
        used = {item.id: item for _, item in accepted}
        tables.objects.add(item for item in used.values() if item.id not in known)
        tables.objects.register([item.id for item in used.values() if not item.is_registered], flow.id)
        _store(tables, flow, accepted, now)
    return sorted(failed, key=lambda one: one.index)


def _all_at_once(
    flow_id: str, sound: Sequence[_Indexed], known: Mapping[str, MediaObject], occupied: Sequence[bool]
) -> list[_Accepted] | None:
    """What most lists are: in order of time, nothing in the way, each object waiting for its flow."""
    segments = [segment for _, segment in sound]
    items = [known.get(segment.object_id) for segment in segments]
    found = [item for item in items if item is not None and item.awaits(flow_id)]
    if len(found) < len(items) or any(occupied) or not _in_order(segments):
        return None
    return list(zip(segments, found, strict=True))


def _in_order(segments: Sequence[Segment]) -> bool:
    """Whether each starts where the one before it ended, or later."""
    starts, ends = bounds_of([one.timerange for one in segments])
    return all(map(le, ends, starts[1:]))


def _one_by_one(
    flow_id: str, sound: Sequence[_Indexed], known: Mapping[str, MediaObject], occupied: Sequence[bool]
) -> tuple[list[_Accepted], list[Failed]]:
    """The segments that may be stored, with their objects, and the others."""
    accepted: list[_Accepted] = []
    failed: list[Failed] = []
    used: dict[str, MediaObject] = {}
    taken = _Taken()
    for (index, segment), is_occupied in zip(sound, occupied, strict=True):
        object_id = segment.object_id
        try:
            item = used.get(object_id) or usable(
                known.get(object_id), object_id, flow_id, has_urls=bool(segment.external_urls)
            )
            taken.claim(segment.timerange, is_occupied)
        except TamsError as error:
            failed.append(Failed(index, error))
            continue
        used[object_id] = item
        accepted.append((segment, item))
    return accepted, failed


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


def _checked(segments: Sequence[Segment]) -> tuple[list[Failed], list[_Indexed]]:
    if len(segments) > _FEW and all_sound(segments):
        return [], list(enumerate(segments))
    failed: list[Failed] = []
    sound: list[_Indexed] = []
    for index, segment in enumerate(segments):
        try:
            check(segment)
        except TamsError as error:
            failed.append(Failed(index, error))
        else:
            sound.append((index, segment))
    return failed, sound


def _store(tables: Tables, flow: StoredFlow, accepted: Sequence[_Accepted], now: Moment) -> None:
    tables.segments.insert(flow.timeline, accepted, now.text)
    outbox = Outbox(tables, now.ns)
    if outbox.wanted:
        outbox.segments_added(flow, StoredSegments.new(accepted))
