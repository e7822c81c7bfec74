"""Checks of flows. Columns, tags and the collection of a flow follow from its document."""

from collections.abc import Sequence
from typing import Final

import msgspec

from services.metadata.adapters.vast.classes import clear_classes
from services.metadata.adapters.vast.examination.duplicates import (
    duplicates,
    keep_one,
    members_of,
    newest,
)
from services.metadata.adapters.vast.examination.flows.documents import (
    add_source,
    flow_document,
    has_classes,
    tag_rows,
    write_classes,
)
from services.metadata.adapters.vast.flows import collections
from services.metadata.adapters.vast.flows.flows import column_values
from services.metadata.adapters.vast.flows.tags import add_tags, clear_tags
from services.metadata.adapters.vast.queries import Row, Values
from services.metadata.adapters.vast.segments.statistics import Timeline, counted_statistics
from services.metadata.adapters.vast.tables import VastTables
from services.metadata.application.clock import moment, utc_now
from services.metadata.application.flows.collections import drop_missing
from services.metadata.application.ports.examination import Inconsistency
from services.metadata.domain.documents.rebuilding import LOST
from services.metadata.domain.flows.flow import FlowInput, parse_flow
from services.shared.errors import TamsError

# The member with the time of the last change.
_CHANGED: Final = "metadata_updated"
_PUT_AGAIN: Final = "put the flow again, or delete it"
_NOT_A_FLOW: Final = "its document is not that of a flow"
_TWO_TIMELINES: Final = (
    "several rows have segments: save the document, delete the flow until it is gone, put it again"
)
_SHARED: Final = "restore a backup: no row shows to which flow the segments belong"
# The kinds that a walk over the segments of a flow finds.
COUNTED: Final = frozenset({"SEGMENT_COUNT", "FLOW_EXTENT", "LONGEST_SEGMENT"})


def check(tables: VastTables, flow_id: str) -> list[Inconsistency]:
    """The findings about the rows of a flow, its tags, collection and source."""
    rows = tables.view.lookup("flows", "id", flow_id)
    if not rows:
        return []
    row = newest(rows, _CHANGED)
    found = duplicates("flows", flow_id, rows)
    if sum(1 for other in rows if other["segments"]) > 1:
        found = [finding._replace(mendable=False, advice=_TWO_TIMELINES) for finding in found]
    flow = _parsed(row)
    if flow is None:
        found.append(_damaged(tables, row))
    else:
        found += _compared(tables, row, flow)
    if not tables.view.lookup("sources", "id", row["source_id"]):
        found.append(_finding(flow_id, "MISSING_SOURCE", f"its source {row['source_id']} does not exist"))
    sharing = tables.view.lookup("flows", "timeline", row["timeline"], ("id", "timeline"))
    if others := {other["id"] for other in sharing} - {flow_id}:
        summary = f"it has the same timeline, and so the same segments, as flow {min(others, key=str)}"
        found.append(_finding(flow_id, "DOUBLED_TIMELINE", summary, advice=_SHARED))
    if _collected_by(tables, flow_id) != row["collected_by"]:
        found.append(
            _finding(flow_id, "COLLECTED_BY", "its collected_by differs from the collections that contain it")
        )
    return found


def mend(tables: VastTables, flow_id: str, kinds: set[str]) -> None:
    """Rewrite the values that follow from the newest document, the collections and the segments."""
    rows = tables.view.lookup("flows", "id", flow_id)
    if not rows:
        return
    row = _one_row(tables, rows) if "DOUBLED_ROW" in kinds else newest(rows, _CHANGED)
    if "DAMAGED_DOCUMENT" in kinds:
        tables.view.update("flows", row, doc=flow_document(tables, row))
        row = newest(tables.view.lookup("flows", "id", flow_id), _CHANGED)
    if (flow := _parsed(row)) is not None:
        _follow_document(tables, row, flow, kinds)
    if "MISSING_MEMBER" in kinds:
        drop_missing(tables, flow_id, moment(utc_now))
    if "MISSING_SOURCE" in kinds:
        add_source(tables, row["source_id"], row["format"])
    _derive(tables, flow_id, kinds)


def _derive(tables: VastTables, flow_id: str, kinds: set[str]) -> None:
    for row in tables.view.lookup("flows", "id", flow_id):
        if "COLLECTED_BY" in kinds:
            tables.view.update("flows", row, collected_by=_collected_by(tables, flow_id))
        if COUNTED & kinds:
            tables.view.update("flows", row, **counted_statistics(tables.view, row["timeline"]))


def _follow_document(tables: VastTables, row: Row, flow: FlowInput, kinds: set[str]) -> None:
    flow_id = row["id"]
    if "COLUMNS" in kinds:
        tables.view.update("flows", row, **_columns(row, flow))
    if "TAGS" in kinds:
        clear_tags(tables.view, "flow", flow_id)
        clear_classes(tables.view, "flow-class", flow_id)
        add_tags(tables.view, "flow", flow_id, flow.tags)
    elif "CLASSES" in kinds:
        write_classes(tables, "flow", flow_id, flow.tags)
    if "COLLECTION" in kinds:
        _collect(tables, flow_id, flow)


def _one_row(tables: VastTables, rows: Sequence[Row]) -> Row:
    """Keep the row with the newest document, and give it the segments of the row that has some."""
    kept = newest(rows, _CHANGED)
    owner = next((row for row in rows if row["segments"]), kept)
    keep_one(tables, "flows", kept, rows)
    if owner is not kept:
        statistics = counted_statistics(tables.view, owner["timeline"])
        Timeline("flows", kept).update(tables.view, timeline=owner["timeline"], **statistics)
    (left,) = tables.view.lookup("flows", "id", kept["id"])
    return left


def _collect(tables: VastTables, flow_id: str, flow: FlowInput) -> None:
    rows = tables.view.lookup("collections", "flow_id", flow_id)
    linked = collections.linked_sources(tables.view, flow_id)
    tables.view.delete("collections", rows)
    collections.put_collection(tables.view, flow_id, flow.collection)
    linked |= collections.linked_sources(tables.view, flow_id) | {flow.flow.source_id}
    for source_id in sorted(linked):
        collections.derive_source(tables.view, source_id)


def _parsed(row: Row) -> FlowInput | None:
    return _flow_in(row["doc"], row["id"])


def _flow_in(document: bytes, flow_id: str) -> FlowInput | None:
    """The flow in a document; None if the document is invalid or that of another flow."""
    if members_of(document) is None:
        return None
    try:
        flow = parse_flow(document)
    except TamsError:
        return None
    return flow if flow.flow.id == flow_id else None


def _damaged(tables: VastTables, row: Row) -> Inconsistency:
    """The finding about a damaged document. It can be mended if the rebuilt document is a valid flow.

    A document that is not JSON is always rebuilt, though it may lack members that its format requires.
    """
    if members_of(row["doc"]) is None:
        return _finding(row["id"], "DAMAGED_DOCUMENT", f"its document is not JSON; {LOST}")
    if _flow_in(flow_document(tables, row), row["id"]) is not None:
        return _finding(row["id"], "DAMAGED_DOCUMENT", f"{_NOT_A_FLOW}; {LOST}")
    return _finding(row["id"], "DAMAGED_DOCUMENT", _NOT_A_FLOW, advice=_PUT_AGAIN)


def _compared(tables: VastTables, row: Row, flow: FlowInput) -> list[Inconsistency]:
    flow_id, found = row["id"], []
    if wrong := sorted(_columns(row, flow)):
        found.append(
            _finding(flow_id, "COLUMNS", f"its document has other values than the columns {', '.join(wrong)}")
        )
    members = {item.id for item in flow.collection}
    found += [
        _finding(flow_id, "MISSING_MEMBER", f"it collects {missing}, which does not exist")
        for missing in sorted(members - collections.sources_of(tables.view, members).keys())
    ]
    if not _same_tags(tables, flow_id, flow.tags):
        found.append(_finding(flow_id, "TAGS", "its tags differ from those of its document"))
    if not has_classes(tables, "flow", flow_id, flow.tags):
        found.append(_finding(flow_id, "CLASSES", "its classes are not those of its tag"))
    held = sorted(
        (row["position"], row["member"], row["role"])
        for row in tables.view.lookup("collections", "flow_id", flow_id)
    )
    if held != [(at, item.id, item.role) for at, item in enumerate(flow.collection)]:
        found.append(_finding(flow_id, "COLLECTION", "its collection differs from that of its document"))
    return found


def _same_tags(tables: VastTables, flow_id: str, tags: dict[str, str]) -> bool:
    return tag_rows(tables, "flow", flow_id) == sorted(tags.items())


def _columns(row: Row, flow: FlowInput) -> Values:
    """The values of the columns that differ from the document, as the document has them."""
    values = column_values(flow, row["doc"])
    return {name: value for name, value in values.items() if row[name] != value}


def _collected_by(tables: VastTables, flow_id: str) -> bytes | None:
    collectors = collections.collecting(tables.view, flow_id)
    existing = collections.sources_of(tables.view, collectors)
    ids = [collector for collector in collectors if collector in existing]
    return msgspec.json.encode(ids) if ids else None


def _finding(flow_id: str, kind: str, summary: str, advice: str = "") -> Inconsistency:
    return Inconsistency(kind, "flows", flow_id, summary, not advice, advice)
