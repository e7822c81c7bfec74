"""Rewrites rows and documents of a database file from other rows and columns."""

import sqlite3
import time
from typing import Final

from services.metadata.adapters.sqlite.flows.classes import put_classes
from services.metadata.adapters.sqlite.flows.tags import CLASS_OWNERS, Owner
from services.metadata.application.clock import moment, utc_now
from services.metadata.domain.documents.classes import classes_of_document
from services.metadata.domain.documents.jsons import is_line, is_object
from services.metadata.domain.documents.rebuilding import FlowColumns, rebuilt_flow, rebuilt_source
from services.metadata.domain.segments.segment import Segment, documents
from services.shared.timerange import MIN_NS, TimeRange

# Segments that one transaction checks.
_SLICE: Final = 1000
_OF_FLOW: Final = "flow = (SELECT row FROM flows WHERE id = :id)"
_ADD_OBJECTS: Final = f"""
    INSERT INTO objects (id, storage, storage_path, state, first_referenced_by_flow, created_ms, changed_ms,
        measure_at_ms, copies)
    SELECT object_id, max(storage), max(storage_path), 'registered', :id, :now, :now,
        iif(max(storage) IS NULL, NULL, :now), max(copies)
    FROM segments WHERE {_OF_FLOW} AND NOT EXISTS (SELECT 1 FROM objects WHERE objects.id = object_id)
    GROUP BY object_id
"""
_ADD_SOURCE: Final = "INSERT OR IGNORE INTO sources (id, format, doc) VALUES (?, ?, ?)"
_FLOW: Final = f"SELECT doc, {', '.join(FlowColumns._fields)} FROM flows WHERE id = ?"
_MEMBERS: Final = "SELECT member, role FROM collections WHERE flow_id = ? ORDER BY position"
_SEGMENTS: Final = f"""
    SELECT flow, start_ns, end_ns, end_inclusive, object_id, doc FROM segments
    WHERE {_OF_FLOW} AND start_ns >= :start ORDER BY start_ns LIMIT {_SLICE}
"""


def add_objects(connection: sqlite3.Connection, flow_id: str) -> None:
    """Add the missing objects of a flow's segments, in the storage that the segments name."""
    connection.execute(_ADD_OBJECTS, {"id": flow_id, "now": time.time_ns() // 1_000_000})


def add_source(connection: sqlite3.Connection, flow_id: str) -> None:
    """Add the source of a flow if it is missing, with its remaining tags."""
    row = connection.execute("SELECT source_id, format FROM flows WHERE id = ?", (flow_id,)).fetchone()
    if row is not None:
        source_id, format_urn = row
        text = rebuilt_source(source_id, format_urn, None, _tags(connection, "source", source_id), _now())
        connection.execute(_ADD_SOURCE, (source_id, format_urn, text))


def write_flow(connection: sqlite3.Connection, flow_id: str) -> None:
    """Rewrite the document of a flow, if it is damaged, from its columns, tags and collection."""
    row = connection.execute(_FLOW, (flow_id,)).fetchone()
    if row is None or is_object(row[0]):
        return
    members = connection.execute(_MEMBERS, (flow_id,)).fetchall()
    tags = _tags(connection, "flow", flow_id)
    text = rebuilt_flow(FlowColumns(*row[1:]), tags, members, _now())
    connection.execute("UPDATE flows SET doc = ? WHERE id = ?", (text, flow_id))


def write_source(connection: sqlite3.Connection, source_id: str) -> None:
    """Rewrite the document of a source, if it is damaged, from its columns and tags."""
    row = connection.execute("SELECT doc, format, label FROM sources WHERE id = ?", (source_id,)).fetchone()
    if row is None or is_object(row[0]):
        return
    _, format_urn, label = row
    text = rebuilt_source(source_id, format_urn, label, _tags(connection, "source", source_id), _now())
    connection.execute("UPDATE sources SET doc = ? WHERE id = ?", (text, source_id))


def write_classes(owner: Owner, connection: sqlite3.Connection, owner_id: str) -> None:
    """Rewrite the classes of a source or flow as its document has them."""
    row = connection.execute(f"SELECT doc FROM {owner}s WHERE id = ?", (owner_id,)).fetchone()
    if row is not None:
        put_classes(connection, CLASS_OWNERS[owner], owner_id, classes_of_document(row[0]))


def write_segments(connection: sqlite3.Connection, flow_id: str, start: int = MIN_NS) -> int | None:
    """Rewrite the damaged documents of up to 1000 segments, from `start` on, from their columns.

    Returns the start from which to continue; None if no segments are left.
    """
    rows = connection.execute(_SEGMENTS, {"id": flow_id, "start": start}).fetchall()
    for flow, start_ns, end_ns, inclusive, object_id, stored in rows:
        if not is_line(stored):
            text = documents([Segment(object_id, TimeRange(start_ns, end_ns, bool(inclusive)))])[0]
            connection.execute(
                "UPDATE segments SET doc = ? WHERE flow = ? AND start_ns = ?", (text, flow, start_ns)
            )
    return rows[-1][1] + 1 if len(rows) == _SLICE else None


def _tags(connection: sqlite3.Connection, owner: str, owner_id: str) -> dict[str, str]:
    sql = "SELECT name, value FROM tags WHERE owner = ? AND id = ? ORDER BY name"
    return dict(connection.execute(sql, (owner, owner_id)).fetchall())


def _now() -> str:
    return moment(utc_now).text
