"""The table of flows."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Final

import msgspec
from msgspec import UNSET

from services.metadata.adapters.sqlite.flows import collections
from services.metadata.adapters.sqlite.flows.classes import Fields, having_classes, page_rows
from services.metadata.adapters.sqlite.flows.collections import FLOW_COLLECTED_BY
from services.metadata.adapters.sqlite.flows.filters import Value, Where, text_with_prefix
from services.metadata.adapters.sqlite.flows.tags import drop_tags, put_tags
from services.metadata.adapters.sqlite.segments.queries import bounds
from services.metadata.application.pages import take_until_full
from services.metadata.application.ports import Collector, FlowFilter, TaggedFlow
from services.metadata.domain.documents.classes import Classes
from services.metadata.domain.documents.tags import TagChanges
from services.metadata.domain.flows.essence import CollectionItem
from services.metadata.domain.flows.flow import FlowInput, StoredFlow
from services.metadata.domain.ids import FlowId, SourceId
from services.shared.timerange import TimeRange

_COLUMNS: Final = (
    f"r.id, r.row, r.source_id, r.format, r.container, r.read_only, r.doc, {FLOW_COLLECTED_BY},"
    " s.start_ns, s.end_ns, s.end_inclusive, s.updated"
)
_STATS: Final = "LEFT JOIN flow_stats s ON s.flow = r.row"
_GET: Final = f"SELECT {_COLUMNS} FROM flows r {_STATS} WHERE r.id = ?"
_RESTORE: Final = """
    INSERT INTO flows
        (row, id, source_id, format, codec, container, label, frame_width, frame_height, read_only, doc)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_PUT: Final = """
    INSERT INTO flows
        (id, source_id, format, codec, container, label, frame_width, frame_height, read_only, doc)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET
        source_id = excluded.source_id, format = excluded.format, codec = excluded.codec,
        container = excluded.container, label = excluded.label, frame_width = excluded.frame_width,
        frame_height = excluded.frame_height, read_only = excluded.read_only, doc = excluded.doc
"""
# Segments never overlap, so only the last one that starts at or before a range can reach into it.
_OVERLAPS: Final = """EXISTS (
    SELECT 1 FROM segments g WHERE g.flow = r.row AND g.start_ns < ? AND g.end_ns > ?
    AND g.start_ns >= coalesce((
        SELECT max(b.start_ns) FROM segments b WHERE b.flow = r.row AND b.start_ns <= ?), ?)
)"""
# The index of tags has the values in this order.
_TAGGED: Final = f"""
    SELECT t.id, t.value, r.read_only, s.start_ns, s.end_ns
    FROM tags t CROSS JOIN flows r ON r.id = t.id {_STATS}
    WHERE t.owner = 'flow' AND t.name = ? AND (t.value, t.id) > (?, ?) ORDER BY t.value, t.id LIMIT ?
"""
_PAIRS: Final = """
    SELECT DISTINCT flow_id, member FROM collections WHERE {by} IN (SELECT value FROM json_each(?))
"""
_READ_ONLY_COLLECTOR: Final = """
    SELECT c.flow_id FROM collections c JOIN flows ON flows.id = c.flow_id
    WHERE c.member = ? AND flows.read_only ORDER BY c.flow_id LIMIT 1
"""


class SqliteFlows:
    """Flows by id, with their tags and collections."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._execute = connection.execute

    def get(self, flow_id: FlowId) -> StoredFlow | None:
        """The flow; None if it does not exist."""
        row = self._execute(_GET, (flow_id,)).fetchone()
        return StoredFlow._make(row) if row else None

    def page(self, criteria: FlowFilter, after: str | None, limit: int) -> list[StoredFlow]:
        """Up to `limit` flows that pass the filter and have an id above `after`, ascending by id."""
        indexed = criteria.tags or criteria.label is not None or criteria.source_id is not None
        rows = page_rows(
            self._connection, "flow-class", criteria.classes, after, limit,
            select=partial(self._with_ids, criteria),
            query=lambda: self._above(criteria, after, limit), indexed=bool(indexed),
        )  # fmt: skip
        return list(take_until_full(map(StoredFlow._make, rows), lambda flow: flow.weight))

    def _above(self, criteria: FlowFilter, after: str | None, limit: int) -> Iterator[Fields]:
        where = Where([], [])
        lead = where.tags("flow", criteria.tags, criteria.tag_exists)
        _add_conditions(where, criteria)
        where.classes("flow", criteria.classes)
        key = "lead.id" if criteria.tags else "r.id"
        where.add(f"{key} > ?", after or "")
        sql = f"SELECT {_COLUMNS} FROM {lead} {_STATS} WHERE {where} ORDER BY {key} LIMIT ?"
        return self._execute(sql, (*where.parameters, limit))

    def _with_ids(self, criteria: FlowFilter, ids: Sequence[str]) -> list[Fields]:
        where = Where([], [])
        lead = where.tags("flow", criteria.tags, criteria.tag_exists, ids)
        _add_conditions(where, criteria)
        sql = f"SELECT {_COLUMNS} FROM {lead} {_STATS} WHERE {where}"
        return sorted(self._execute(sql, where.parameters), key=itemgetter(0))

    def text_with_prefix(
        self, tag: str | None, prefix: str, excluded: Sequence[str], classes: Classes | None = None
    ) -> str | None:
        """A stored label, or value of the tag if one is given, with the prefix; none of the excluded ones."""
        return text_with_prefix(self._connection, "flow", tag, prefix, excluded, classes=classes)

    def having_classes(self, flow_ids: Iterable[FlowId], classes: Classes) -> frozenset[FlowId]:
        """The flows, among these, that have one of the classes."""
        return having_classes(self._connection, "flow-class", flow_ids, classes)

    def tagged(self, name: str, after: TaggedFlow | None, limit: int) -> list[TaggedFlow]:
        """Up to `limit` flows with a tag that follow `after`, by value and id."""
        key = (after.value, after.id) if after else ("", "")
        rows = self._execute(_TAGGED, (name, *key, limit))
        return [
            TaggedFlow(flow_id, value, bool(read_only), *ends) for flow_id, value, read_only, *ends in rows
        ]

    def put(self, flow: FlowInput, document: bytes, tags: TagChanges) -> None:
        """Create the flow, or replace its document and collection, and change its tags."""
        core = flow.flow
        before = self._execute("SELECT source_id FROM flows WHERE id = ?", (core.id,)).fetchone()
        changes_source = before is not None and before[0] != core.source_id
        if changes_source:
            collections.count_links(self._connection, core.id, -1)
        self._execute(_PUT, _columns(flow, document))
        if changes_source:
            collections.count_links(self._connection, core.id, 1)
        put_tags(self._connection, "flow", core.id, tags)
        collections.put_collection(self._connection, core.id, core.source_id, flow.collection)

    def put_collectors(self, flows: Sequence[Collector]) -> None:
        """Replace the collections of flows, which do not change otherwise."""
        for flow in flows:
            self._execute("UPDATE flows SET doc = ? WHERE id = ?", (flow.document, flow.id))
            collections.put_collection(self._connection, flow.id, flow.source_id, flow.collection)

    def restore(self, flow: FlowInput, document: bytes, tags: TagChanges, timeline: int) -> None:
        """Create a flow that was deleted, with the segments and statistics of its timeline."""
        core = flow.flow
        self._execute(_RESTORE, (timeline, *_columns(flow, document)))
        put_tags(self._connection, "flow", core.id, tags)
        collections.put_collection(self._connection, core.id, core.source_id, flow.collection)

    def delete(self, flow_id: FlowId, *, keep_timeline: bool = False) -> None:
        """Delete the flow with its tags and collection, and its statistics unless the timeline is kept."""
        if not keep_timeline:
            self._execute(
                "DELETE FROM flow_stats WHERE flow = (SELECT row FROM flows WHERE id = ?)", (flow_id,)
            )
        drop_tags(self._connection, "flow", flow_id)
        collections.count_links(self._connection, flow_id, -1)
        self._execute("DELETE FROM collections WHERE flow_id = ?", (flow_id,))
        self._execute("DELETE FROM flows WHERE id = ?", (flow_id,))

    def sources_of(self, flow_ids: Iterable[FlowId]) -> dict[FlowId, SourceId]:
        """The source ids of the flows that exist, by flow id."""
        return collections.sources_of(self._connection, flow_ids)

    def collected_at_least(self, flow_ids: Iterable[FlowId], times: int) -> frozenset[FlowId]:
        """The flows, among these, that `times` flows or more collect."""
        return collections.collected_at_least(self._connection, flow_ids, times)

    def members(self, flow_id: FlowId) -> list[CollectionItem]:
        """The flows that a flow collects."""
        rows = self._execute(
            "SELECT member, role FROM collections WHERE flow_id = ? ORDER BY position", (flow_id,)
        )
        return [CollectionItem(member, role) for member, role in rows]

    def collectors(self, flow_id: FlowId) -> list[FlowId]:
        """The ids of the flows that collect a flow, ascending."""
        rows = self._execute(
            "SELECT DISTINCT flow_id FROM collections WHERE member = ? ORDER BY flow_id", (flow_id,)
        )
        return [collector for (collector,) in rows]

    def member_pairs(self, flow_ids: Sequence[FlowId]) -> list[tuple[FlowId, FlowId]]:
        """The members of these flows, as pairs of the ids of a collecting flow and a member."""
        return self._execute(_PAIRS.format(by="flow_id"), (json.dumps(flow_ids),)).fetchall()

    def collector_pairs(self, flow_ids: Sequence[FlowId]) -> list[tuple[FlowId, FlowId]]:
        """The flows that collect these flows, as pairs of the ids of a collecting flow and a member."""
        return self._execute(_PAIRS.format(by="member"), (json.dumps(flow_ids),)).fetchall()

    def read_only_collector(self, flow_id: FlowId) -> FlowId | None:
        """The id of a read-only flow that collects the flow; None if there is no such flow."""
        row = self._execute(_READ_ONLY_COLLECTOR, (flow_id,)).fetchone()
        return row[0] if row else None

    def guard_collections(self) -> None:
        """Do nothing: changes never conflict, because there is a single writer."""


def _add_conditions(where: Where, criteria: FlowFilter) -> None:
    where.equal(
        (f"r.{name}", getattr(criteria, name))
        for name in ("source_id", "format", "codec", "label", "frame_width", "frame_height")
    )
    if criteria.timerange is not None:
        _add_overlap(where, criteria.timerange)


def _add_overlap(where: Where, timerange: TimeRange) -> None:
    """Add conditions for flows with segments in the range; an empty range is for flows without segments."""
    if timerange.empty:
        where.add("s.start_ns IS NULL")
    elif timerange.start is not None or timerange.end is not None:
        low, high = bounds(timerange)
        where.add("s.start_ns < ? AND s.end_ns > ?", high, low)
        where.add(_OVERLAPS, high, low, low, low)


def _columns(flow: FlowInput, document: bytes) -> tuple[Value | bytes, ...]:
    """The values of _PUT."""
    core = flow.flow
    return (
        core.id, core.source_id, flow.format, core.codec or "", core.container or "", _value(core.label),
        *flow.frame_size, core.read_only is True, document,
    )  # fmt: skip


def _value(value: str | msgspec.UnsetType) -> Value:
    return None if value is UNSET else value
