"""The tables of flows, their tags and collections."""

import secrets
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from msgspec import UNSET

from services.metadata.adapters.vast import collections
from services.metadata.adapters.vast.listings import Listing
from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.statistics import NONE_YET, Bounds, Timeline, keep_timeline
from services.metadata.adapters.vast.tags import add_tags, put_tags
from services.metadata.adapters.vast.view import View
from services.metadata.application.ports import FlowFilter
from services.metadata.domain.essence import CollectionItem
from services.metadata.domain.flow import FlowInput, StoredFlow
from services.shared.timerange import TimeRange
from services.shared.vast.filters import Above, And, AtLeast, Below, Equal, Filter, In

_FILTERED: Final = ("source_id", "format", "codec", "label", "frame_width", "frame_height")


class VastFlows:
    """Flows by id, their tags and collections."""

    def __init__(self, view: View, count: Callable[[str], int]) -> None:
        self._view = view
        self._count = count

    def get(self, flow_id: str) -> StoredFlow | None:
        """One flow."""
        row = self._view.one("flows", "id", flow_id)
        if row is None:
            return None
        self._view.flow_ids[row["timeline"]] = flow_id
        return _stored(row)

    def page(self, wanted: FlowFilter, after: str | None, limit: int) -> list[StoredFlow]:
        """Up to `limit` flows with an id above `after`, ascending."""
        equal = {name: getattr(wanted, name) for name in _FILTERED}
        listing = Listing(self._view, "flow", equal, wanted.tags, wanted.tag_exists)
        more, keep = self._overlapping(wanted.timerange)
        rows = listing.page(after, limit, self._count("flows"), more, keep)
        return [_stored(row) for row in rows]

    def put(self, flow: FlowInput, document: bytes) -> None:
        """Store the flow, its tags and its collection in place of what was there."""
        flow_id, known = flow.flow.id, self._view.one("flows", "id", flow.flow.id)
        if known is not None:
            self._view.update("flows", known, **_values(flow, document))
            put_tags(self._view, "flow", flow_id, flow.tags)
            collections.put_collection(self._view, flow_id, flow.collection)
            return
        self._view.lock("flows", flow_id)
        timeline = secrets.randbits(62)
        values = {"id": flow_id, "timeline": timeline, **_values(flow, document), **NONE_YET}
        self._view.insert("flows", **values)
        add_tags(self._view, "flow", flow_id, flow.tags)
        collections.put_collection(self._view, flow_id, flow.collection)

    def delete(self, flow_id: str) -> None:
        """Remove the flow, its tags, its collection and its statistics."""
        for row in self._view.lookup("flows", "id", flow_id):
            keep_timeline(self._view, row)
            self._view.delete("flows", [row])
        put_tags(self._view, "flow", flow_id, {})
        collections.put_collection(self._view, flow_id, [])

    def sources_of(self, flow_ids: Iterable[str]) -> dict[str, str]:
        """The source of each of the flows that exist."""
        return collections.sources_of(self._view, flow_ids)

    def members(self, flow_id: str) -> list[CollectionItem]:
        """The flows that a flow collects."""
        return collections.members(self._view, flow_id)

    def collectors(self, flow_id: str) -> list[str]:
        """The flows that collect a flow, ascending."""
        return collections.collectors(self._view, flow_id)

    def derive_collections(self, flow_ids: Iterable[str], source_ids: Iterable[str]) -> None:
        """Recompute the stored collected_by and source_collection of these flows and sources."""
        for flow_id in flow_ids:
            collections.derive_flow(self._view, flow_id)
        for source_id in source_ids:
            collections.derive_source(self._view, source_id)

    def _overlapping(
        self, timerange: TimeRange | None
    ) -> tuple[tuple[Filter, ...], Callable[[list[Row]], list[Row]]]:
        """Filters of flows that may have segments in a range, and what keeps those that do."""
        if timerange is None or (timerange.start is None and timerange.end is None and not timerange.empty):
            return (), lambda rows: rows
        if timerange.empty:
            return (Equal("segments", 0),), lambda rows: rows
        asked = Bounds.of(timerange)
        spanning = (Below("start_ns", asked.high), Above("end_ns", asked.low))
        return spanning, lambda rows: self._with_segments(rows, asked)

    def _with_segments(self, rows: list[Row], asked: Bounds) -> list[Row]:
        unsure = [row for row in rows if not asked.low <= row["start_ns"] < asked.high]
        if not unsure:
            return rows
        reach = min(Timeline("flows", row).reach(asked.low) for row in unsure)
        where = And((
            In("flow", tuple(row["timeline"] for row in unsure)),
            AtLeast("start_ns", reach),
            Below("start_ns", asked.high),
            Above("end_ns", asked.low),
        ))  # fmt: skip
        found = {row["flow"] for row in self._view.select("segments", where, ("flow", "start_ns", "end_ns"))}
        unsure_ones = {row["timeline"] for row in unsure}
        return [row for row in rows if row["timeline"] in found or row["timeline"] not in unsure_ones]


def _stored(row: Row) -> StoredFlow:
    return StoredFlow(
        row["id"], row["timeline"], row["source_id"], row["format"], row["codec"], row["container"],
        int(row["read_only"]), row["doc"], row["collected_by"], row["start_ns"], row["end_ns"],
        None if row["end_inclusive"] is None else int(row["end_inclusive"]), row["updated"],
    )  # fmt: skip


def _values(flow: FlowInput, document: bytes) -> dict[str, Any]:
    core, (width, height) = flow.flow, flow.frame_size
    return {
        "source_id": core.source_id, "format": flow.format, "codec": core.codec or "",
        "container": core.container or "", "label": _set(core.label), "frame_width": width,
        "frame_height": height, "read_only": core.read_only is True, "doc": document,
    }  # fmt: skip


def _set(value: str | msgspec.UnsetType) -> str | None:
    return None if value is UNSET else value
