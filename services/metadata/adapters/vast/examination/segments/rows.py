"""Checks of the rows of segments: one row for each start, with columns that agree with the document."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from services.metadata.adapters.vast.examination.duplicates import members_of
from services.metadata.adapters.vast.objects.counting import count_deleted
from services.metadata.adapters.vast.objects.objects import add_objects
from services.metadata.adapters.vast.queries import ROW_ID, Row, Values
from services.metadata.adapters.vast.tables import VastTables
from services.metadata.application.administration.contradictions import LOST
from services.metadata.application.ports.examination import Inconsistency
from services.metadata.domain.documents.jsons import is_json, is_line
from services.metadata.domain.ids import FlowId, ObjectId
from services.metadata.domain.objects.object import MediaObject, State
from services.metadata.domain.segments.segment import Segment, documents
from services.shared.errors import InvalidArgument
from services.shared.timerange import TimeRange

# The kinds that concern segments of a flow. They are mended in all segments of the flow.
KINDS: Final = frozenset({"DOUBLED_SEGMENT", "SEGMENT_COLUMNS", "DAMAGED_SEGMENT", "MISSING_OBJECT"})
_REGISTER_AGAIN: Final = "delete the segments in this range and register the right ones again"


class _Columns(NamedTuple):
    """The columns of a segment whose values are also in its document. Times are nanoseconds."""

    object_id: str
    start_ns: int
    end_ns: int
    end_inclusive: bool


def check(flow_id: str, rows: Sequence[Row]) -> list[Inconsistency]:
    """The findings about rows of a flow. The rows must be all rows in their range of starts."""
    found = [finding for row in rows for finding in _check_row(flow_id, row)]
    for start, group in _by_start(rows).items():
        objects = {_object_of(row) for row in group}
        if len(group) > len(objects):
            summary = f"{len(group)} rows hold a segment at {start} ns"
            found.append(_finding(flow_id, "DOUBLED_SEGMENT", summary))
        if len(objects) > 1:
            summary = f"{len(objects)} segments start at {start} ns"
            found.append(
                _finding(flow_id, "OVERLAP", summary)._replace(mendable=False, advice=_REGISTER_AGAIN)
            )
    return found


def mend(tables: VastTables, flow_id: str, rows: Sequence[Row]) -> None:
    """Keep one row of each segment; rewrite its columns, or its document if that is damaged."""
    kept: list[Row] = []
    for group in _by_start(rows).values():
        by_object: dict[str | None, list[Row]] = defaultdict(list)
        for row in group:
            by_object[_object_of(row)].append(row)
        for same in by_object.values():
            best = min(same, key=lambda row: (bool(_check_row(flow_id, row)), row[ROW_ID]))
            tables.view.delete("segments", [row for row in same if row is not best])
            kept.append(best)
    for row in kept:
        _mend_row(tables, row)
    _add_missing_objects(tables, flow_id, kept)


def _check_row(flow_id: str, row: Row) -> list[Inconsistency]:
    documented, place = _columns_in(row["doc"]), f"its segment at {row['start_ns']} ns"
    if documented is None:
        return [_finding(flow_id, "DAMAGED_SEGMENT", f"{place} has a damaged document; {LOST}")]
    found = []
    if wrong := [name for name, value in documented._asdict().items() if row[name] != value]:
        summary = f"{place}: its document has another value than the column {wrong[0]}"
        finding = _finding(flow_id, "SEGMENT_COLUMNS", summary)
        moved = documented.start_ns != row["start_ns"]
        found.append(finding._replace(mendable=False, advice=_REGISTER_AGAIN) if moved else finding)
    if row["external_urls"] is not None and not is_json(row["external_urls"]):
        summary = f"{place}: its external URLs are damaged; a repair removes them"
        found.append(_finding(flow_id, "DAMAGED_SEGMENT", summary))
    return found


def _mend_row(tables: VastTables, row: Row) -> None:
    documented = _columns_in(row["doc"])
    values: Values = {}
    if documented is None:
        values["doc"] = _rebuilt(row)
        if values["doc"] is None:  # The columns do not describe a segment either.
            released = [row["object_id"]] if row["object_id"] else []
            tables.view.delete("segments", [row])
            count_deleted(tables.view, released)
            tables.objects.release(released)
            return
    elif documented.start_ns == row["start_ns"]:
        values = {name: value for name, value in documented._asdict().items() if row[name] != value}
    if row["external_urls"] is not None and not is_json(row["external_urls"]):
        values["external_urls"] = None
    if values:
        tables.view.update("segments", row, **values)


def _add_missing_objects(tables: VastTables, flow_id: str, rows: Iterable[Row]) -> None:
    """Add the missing objects of the segments, in the storage that the segments name."""
    placed = sorted(rows, key=lambda row: row["storage_id"] is not None)
    using = {ObjectId(object_id): row for row in placed if (object_id := _object_of(row))}
    known = tables.view.lookups("objects", "id", using, ("id",))
    missing = [object_id for object_id, found in known.items() if not found]
    objects = [
        MediaObject(
            object_id,
            using[object_id]["storage_id"],
            using[object_id]["storage_path"],
            State.REGISTERED,
            None,
            FlowId(flow_id),
            copies=using[object_id]["copies"],
        )
        for object_id in missing
    ]
    used = tables.view.lookups("segments", "object_id", missing, ("flow", "object_id"))
    add_objects(tables.view, objects, {object_id: len(segments) for object_id, segments in used.items()})


def _by_start(rows: Sequence[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["start_ns"], row[ROW_ID])):
        found[row["start_ns"]].append(row)
    return found


def _object_of(row: Row) -> str | None:
    documented = _columns_in(row["doc"])
    return row["object_id"] if documented is None else documented.object_id


def start_of(document: bytes | None) -> int | None:
    """The start of the segment in a document, in nanoseconds; None if the document is damaged."""
    documented = _columns_in(document)
    return None if documented is None else documented.start_ns


def _columns_in(document: bytes | None) -> _Columns | None:
    """The values in a document; None if it is damaged."""
    members = (members_of(document) if is_line(document or b"") else None) or {}
    object_id, timerange = members.get("object_id"), members.get("timerange")
    if not isinstance(object_id, str) or not isinstance(timerange, str):
        return None
    try:
        found = TimeRange.parse(timerange)
    except InvalidArgument:
        return None
    if found.start is None or found.end is None or found.empty:
        return None
    return _Columns(object_id, found.start, found.end, found.end_inclusive)


def _rebuilt(row: Row) -> bytes | None:
    start, end = row["start_ns"], row["end_ns"]
    if end is None or start >= end or not row["object_id"]:
        return None
    return documents([Segment(row["object_id"], TimeRange(start, end, bool(row["end_inclusive"])))])[0]


def _finding(flow_id: str, kind: str, summary: str) -> Inconsistency:
    return Inconsistency(kind, "flows", flow_id, summary, mendable=True)
