"""Checks of timelines: segments whose flow is deleted, and their statistics in the table `timelines`."""

from typing import Final

import msgspec

from services.metadata.adapters.vast.examination.duplicates import duplicates
from services.metadata.adapters.vast.objects.counting import count_deleted
from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.segments.statistics import counted_statistics
from services.metadata.adapters.vast.tables import VastTables
from services.metadata.application.ports.examination import Inconsistency
from services.metadata.domain.deletion_request import Deletion
from services.vast_client.filters.filters import Equal, IsNull

# Segments that one transaction removes.
_SLICE: Final = 1000
_REFERENCE: Final = ("flow", "object_id")
_DECODE: Final = msgspec.msgpack.Decoder(Deletion).decode


def check(tables: VastTables, number: str) -> list[Inconsistency]:
    """The findings about a timeline: without a flow, its segments belong to the trash or an open deletion."""
    timeline = int(number)
    kept = tables.view.lookup("timelines", "timeline", timeline)
    if tables.view.lookup("flows", "timeline", timeline, ("id", "timeline")):
        return [_orphan_timeline(number, "its flow exists and has its own statistics")] if kept else []
    used = bool(tables.view.some("segments", Equal("flow", timeline), 1, _REFERENCE))
    found = duplicates("timelines", number, kept)
    if _is_in_trash(tables, timeline) or _is_being_deleted(tables, timeline):
        return [*found, _missing_statistics(number)] if used and not kept else found
    if used:
        return [*found, _segments_without_flow(tables, number)]
    return [*found, _orphan_timeline(number, "it has no segments")] if kept else []


def mend(tables: VastTables, number: str, kinds: set[str]) -> None:
    """Delete up to 1000 segments without a flow, and release their objects; then the statistics."""
    timeline = int(number)
    kept = tables.view.lookup("timelines", "timeline", timeline)
    if "DOUBLED_ROW" in kinds:
        tables.view.delete("timelines", kept[1:])
    if "MISSING_STATISTICS" in kinds:
        statistics = {"end_inclusive": None, **counted_statistics(tables.view, timeline)}
        tables.view.insert("timelines", timeline=timeline, **statistics)
    if "SEGMENTS_OF_NOBODY" in kinds:
        rows = tables.view.some("segments", Equal("flow", timeline), _SLICE, _REFERENCE)
        tables.view.delete("segments", rows)
        count_deleted(tables.view, (row["object_id"] for row in rows))
        tables.objects.release({row["object_id"] for row in rows})
        kinds = kinds | {"ORPHAN_TIMELINE"} if len(rows) < _SLICE else kinds - {"ORPHAN_TIMELINE"}
    if "ORPHAN_TIMELINE" in kinds:
        tables.view.delete("timelines", tables.view.lookup("timelines", "timeline", timeline))


def _is_in_trash(tables: VastTables, timeline: int) -> bool:
    return bool(tables.view.select("trash", Equal("timeline", timeline), ("id", "timeline")))


def _is_being_deleted(tables: VastTables, timeline: int) -> bool:
    open_requests = tables.view.select("deletion_requests", IsNull("expiry_ms"))
    return any(_timeline_of(row) in (timeline, None) for row in open_requests)


def _timeline_of(row: Row) -> int | None:
    """The timeline of a deletion; None if its body cannot be read, so that it may be any timeline."""
    try:
        return _DECODE(row["body"]).timeline
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _segments_without_flow(tables: VastTables, number: str) -> Inconsistency:
    lost = bool(tables.view.some("flows", IsNull("timeline"), 1, ("id", "timeline")))
    advice = "a flow has lost its timeline, which may be this one: restore a backup" if lost else ""
    summary = "its segments have no flow, so no client can read them"
    return Inconsistency("SEGMENTS_OF_NOBODY", "segments", number, summary, not lost, advice)


def _missing_statistics(number: str) -> Inconsistency:
    summary = "segments without a flow have no statistics, so their deletion would end too early"
    return Inconsistency("MISSING_STATISTICS", "timelines", number, summary, mendable=True)


def _orphan_timeline(number: str, summary: str) -> Inconsistency:
    return Inconsistency("ORPHAN_TIMELINE", "timelines", number, summary, mendable=True)
