"""Checks of a flow with its segments, objects and statistics."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

from services.metadata.application.ports import Tables
from services.metadata.application.ports.administration import Recorded
from services.metadata.application.ports.examination import Inconsistency
from services.metadata.domain.documents import rebuilding
from services.metadata.domain.documents.jsons import is_line, is_object
from services.metadata.domain.flows.flow import StoredFlow
from services.metadata.domain.ids import ObjectId
from services.metadata.domain.objects.object import MediaObject, State
from services.metadata.domain.segments.segment import StoredSegment
from services.metadata.domain.source import StoredSource


class _Reference(msgspec.Struct):
    object_id: ObjectId


class SegmentTotals(NamedTuple):
    """The statistics of a flow, counted from its segments. Times are nanoseconds."""

    segments: int = 0
    start_ns: int | None = None
    end_ns: int | None = None
    longest_ns: int = 0
    end_inclusive: bool = False

    @property
    def extent(self) -> tuple[int | None, int | None, bool]:
        """The first start, the last end, and whether that end is inclusive; None without segments."""
        return self.start_ns, self.end_ns, self.end_inclusive

    def add(self, later: Sequence[StoredSegment]) -> "SegmentTotals":
        """The totals including segments that follow on the timeline."""
        if not later:
            return self
        last = max(later, key=lambda segment: segment.end_ns)
        return SegmentTotals(
            self.segments + len(later),
            later[0].start_ns if self.start_ns is None else self.start_ns,
            last.end_ns,
            max(self.longest_ns, *(segment.end_ns - segment.start_ns for segment in later)),
            bool(last.end_inclusive),
        )


LOST: Final = f"{rebuilding.LOST}: ts_offset, counts of samples"
# Advice for kinds that cannot be mended, because no other row shows what is right.
_ADVICE: Final = {
    "OVERLAP": "delete the segments in this range and register the right ones again",
}
_reference: Final = msgspec.json.Decoder(_Reference)


def _documents(flow: StoredFlow, source: StoredSource | None) -> list[Inconsistency]:
    summary = f"its document is not JSON; {rebuilding.LOST}"
    found = []
    if not is_object(flow.document):
        found.append(_of_flow(flow, "DAMAGED_DOCUMENT", summary, mendable=True))
    if source is not None and not is_object(source.document):
        found.append(Inconsistency("DAMAGED_DOCUMENT", "sources", source.id, summary, mendable=True))
    return found


def references(tables: Tables, flow: StoredFlow) -> list[Inconsistency]:
    """Missing rows that a flow refers to, and damaged documents of the flow and its source."""
    source = tables.sources.get(flow.source_id)
    found = _documents(flow, source)
    if source is None:
        found.append(
            _of_flow(flow, "MISSING_SOURCE", f"its source {flow.source_id} does not exist", mendable=True)
        )
    members = [item.id for item in tables.flows.members(flow.id)]
    known = tables.flows.sources_of(members) if members else {}
    found += [
        _of_flow(flow, "MISSING_MEMBER", f"it collects {member}, which does not exist", mendable=True)
        for member in members
        if member not in known
    ]
    return found


def objects(tables: Tables, flow: StoredFlow, segments: Sequence[StoredSegment]) -> list[Inconsistency]:
    """Missing or unregistered objects of some segments of a flow, and segments with damaged documents."""
    referenced = {segment.start_ns: _referenced_object(segment.document) for segment in segments}
    ids = {object_id for object_id in referenced.values() if object_id is not None}
    known = tables.objects.get_many(ids) if ids else {}
    found = [
        _unregistered(flow, stored)
        for _, stored in sorted(known.items())
        if stored.state is not State.REGISTERED
    ]
    if damaged := [start for start, object_id in referenced.items() if object_id is None]:
        summary = f"its segment at {damaged[0]} ns{_more(damaged)} has a damaged document; {LOST}"
        found.append(_of_flow(flow, "DAMAGED_SEGMENT", summary, mendable=True))
    if missing := sorted(ids - known.keys()):
        summary = f"its segments use object {missing[0]}{_more(missing)}, which does not exist"
        found.append(_of_flow(flow, "MISSING_OBJECT", summary, mendable=True))
    return found


def _unregistered(flow: StoredFlow, used: MediaObject) -> Inconsistency:
    summary = f"flow {flow.id} uses it, but its state is {used.state}"
    lost = used.state is State.RECLAIMED
    advice = "its bytes were removed: delete the segments that use it" if lost else ""
    return Inconsistency("OBJECT_STATE", "objects", used.id, summary, not lost, advice)


def _more(items: Sequence[object]) -> str:
    return f" and {len(items) - 1} more" if len(items) > 1 else ""


def overlaps(
    flow: StoredFlow, before: StoredSegment | None, segments: Sequence[StoredSegment]
) -> list[Inconsistency]:
    """Segments that overlap; `before` is the segment that precedes them.

    Segments with the same start are not included. In an engine where they are possible, its examination
    finds them.
    """
    in_order = segments if before is None else [before, *segments]
    return [
        _of_flow(flow, "OVERLAP", f"segments at {earlier.start_ns} and {later.start_ns} ns overlap")
        for earlier, later in pairwise(in_order)
        if earlier.end_ns > later.start_ns > earlier.start_ns
    ]


def statistics(flow: StoredFlow, recorded: Recorded, counted: SegmentTotals) -> list[Inconsistency]:
    """Differences between the recorded statistics of a flow and those counted from its segments."""
    found = []
    if recorded.segments != counted.segments:
        summary = f"{recorded.segments} segments are recorded, {counted.segments} exist"
        found.append(_of_flow(flow, "SEGMENT_COUNT", summary, mendable=True))
    if (flow.start_ns, flow.end_ns, bool(flow.end_inclusive)) != counted.extent:
        summary = "its recorded extent is not that of its segments"
        found.append(_of_flow(flow, "FLOW_EXTENT", summary, mendable=True))
    if recorded.longest_ns is not None and recorded.longest_ns < counted.longest_ns:
        summary = "a segment is longer than the longest recorded, so queries miss it"
        found.append(_of_flow(flow, "LONGEST_SEGMENT", summary, mendable=True))
    return found


def _referenced_object(document: bytes) -> ObjectId | None:
    try:
        return _reference.decode(document).object_id if is_line(document) else None
    except msgspec.DecodeError:
        return None


def _of_flow(flow: StoredFlow, kind: str, summary: str, *, mendable: bool = False) -> Inconsistency:
    return Inconsistency(kind, "flows", flow.id, summary, mendable, _ADVICE.get(kind, ""))
