"""The tables of flows, their tags and collections."""

import json
import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import UNSET

from services.metadata.adapters.sqlite.collections import derive_flow, derive_source
from services.metadata.adapters.sqlite.filters import Value, Where
from services.metadata.adapters.sqlite.tags import put_tags
from services.metadata.application.pages import enough
from services.metadata.application.ports import FlowFilter
from services.metadata.domain.essence import CollectionItem
from services.metadata.domain.flow import FlowInput, StoredFlow
from services.shared.timerange import TimeRange

_COLUMNS: Final = (
    "r.id, r.row, r.source_id, r.format, r.codec, r.container, r.read_only, r.doc, r.collected_by,"
    " s.start_ns, s.end_ns, s.end_inclusive, s.updated"
)
_STATS: Final = "LEFT JOIN flow_stats s ON s.flow = r.row"
_GET: Final = f"SELECT {_COLUMNS} FROM flows r {_STATS} WHERE r.id = ?"
_PUT: Final = """
    INSERT INTO flows
        (id, source_id, format, codec, container, label, frame_width, frame_height, read_only, doc)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET
        source_id = excluded.source_id, format = excluded.format, codec = excluded.codec,
        container = excluded.container, label = excluded.label, frame_width = excluded.frame_width,
        frame_height = excluded.frame_height, read_only = excluded.read_only, doc = excluded.doc
"""
# Segments never overlap, so the last one to start at or before a moment is the only one to reach into it.
_OVERLAPS: Final = """EXISTS (
    SELECT 1 FROM segments g WHERE g.flow = r.row AND g.start_ns < ? AND g.end_ns > ?
    AND g.start_ns >= coalesce((
        SELECT max(b.start_ns) FROM segments b WHERE b.flow = r.row AND b.start_ns <= ?), ?)
)"""
_ENDS: Final = (-(2**63), 2**63 - 1)


class SqliteFlows:
    """Flows by id, their tags and collections."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._execute = connection.execute

    def get(self, flow_id: str) -> StoredFlow | None:
        """One flow."""
        row = self._execute(_GET, (flow_id,)).fetchone()
        return StoredFlow._make(row) if row else None

    def page(self, wanted: FlowFilter, after: str | None, limit: int) -> list[StoredFlow]:
        """Up to `limit` flows with an id above `after`, ascending; ends once no page holds more."""
        where = Where([], [])
        lead = where.tags("flow", wanted.tags, wanted.tag_exists)
        where.equal(
            (f"r.{name}", getattr(wanted, name))
            for name in ("source_id", "format", "codec", "label", "frame_width", "frame_height")
        )
        if wanted.timerange is not None:
            _overlapping(where, wanted.timerange)
        key = "lead.id" if wanted.tags else "r.id"
        where.add(f"{key} > ?", after or "")
        sql = f"SELECT {_COLUMNS} FROM {lead} {_STATS} WHERE {where} ORDER BY {key} LIMIT ?"
        rows = map(StoredFlow._make, self._execute(sql, (*where.parameters, limit)))
        return list(enough(rows, lambda flow: flow.weight))

    def put(self, flow: FlowInput, document: bytes) -> None:
        """Store the flow, its tags and its collection in place of what was there."""
        core = flow.flow
        self._execute(
            _PUT,
            (core.id, core.source_id, flow.format, core.codec or "", core.container or "",
             _set(core.label), *flow.frame_size, core.read_only is True, document),
        )  # fmt: skip
        put_tags(self._connection, "flow", core.id, flow.tags)
        self._put_collection(core.id, flow.collection)

    def _put_collection(self, flow_id: str, items: list[CollectionItem]) -> None:
        self._execute("DELETE FROM collections WHERE flow_id = ?", (flow_id,))
        self._connection.executemany(
            "INSERT INTO collections (flow_id, position, member, role) VALUES (?, ?, ?, ?)",
            ((flow_id, position, item.id, item.role) for position, item in enumerate(items)),
        )

    def delete(self, flow_id: str) -> None:
        """Remove the flow, its tags, its collection and its statistics."""
        self._execute("DELETE FROM flow_stats WHERE flow = (SELECT row FROM flows WHERE id = ?)", (flow_id,))
        put_tags(self._connection, "flow", flow_id, {})
        self._execute("DELETE FROM collections WHERE flow_id = ?", (flow_id,))
        self._execute("DELETE FROM flows WHERE id = ?", (flow_id,))

    def sources_of(self, flow_ids: Iterable[str]) -> dict[str, str]:
        """The source of each of the flows that exist."""
        rows = self._execute(
            "SELECT id, source_id FROM flows WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(flow_ids)),),
        )
        return dict(rows.fetchall())

    def members(self, flow_id: str) -> list[CollectionItem]:
        """The flows that a flow collects."""
        rows = self._execute(
            "SELECT member, role FROM collections WHERE flow_id = ? ORDER BY position", (flow_id,)
        )
        return [CollectionItem(member, role) for member, role in rows]

    def collectors(self, flow_id: str) -> list[str]:
        """The flows that collect a flow, ascending."""
        rows = self._execute(
            "SELECT DISTINCT flow_id FROM collections WHERE member = ? ORDER BY flow_id", (flow_id,)
        )
        return [collector for (collector,) in rows]

    def derive_collections(self, flow_ids: Iterable[str], source_ids: Iterable[str]) -> None:
        """Recompute the stored collected_by and source_collection of these flows and sources."""
        for flow_id in flow_ids:
            derive_flow(self._connection, flow_id)
        for source_id in source_ids:
            derive_source(self._connection, source_id)


def _overlapping(where: Where, timerange: TimeRange) -> None:
    if timerange.empty:
        where.add("s.start_ns IS NULL")
    elif timerange.start is not None or timerange.end is not None:
        low = _ENDS[0] if timerange.start is None else timerange.start
        high = _ENDS[1] if timerange.end is None else timerange.end
        where.add("s.start_ns < ? AND s.end_ns > ?", high, low)
        where.add(_OVERLAPS, high, low, low, low)


def _set(value: str | msgspec.UnsetType) -> Value:
    return None if value is UNSET else value
