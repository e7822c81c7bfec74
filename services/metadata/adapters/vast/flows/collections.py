"""The table of collections, and the lists in flows and sources that follow from it (ADR 0012).

The rows of members, and of the sources on both sides, are written even if their lists do not change. So a
transaction that deletes one of them at the same time conflicts.
"""

from collections.abc import Iterable, Sequence, Set
from typing import Final

import msgspec

from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.reading.view import View
from services.metadata.domain.flows.essence import CollectionItem


class _Item(msgspec.Struct):
    id: str
    role: str


class _Collecting(msgspec.Struct):
    flow_collection: list[_Item] = []


_DECODE: Final = msgspec.json.Decoder(_Collecting).decode


def put_collection(view: View, flow_id: str, items: Sequence[CollectionItem]) -> tuple[set[str], set[str]]:
    """Replace the collection of a flow; only rows that change are written.

    Returns the members that lost a role, and those that got one.
    """
    rows = sorted(view.lookup("collections", "flow_id", flow_id), key=lambda row: int(row["position"]))
    before = [(row["member"], row["role"]) for row in rows]
    after = pairs_of(items)
    pairs = zip(before, after, strict=False)
    differences = (position for position, (old, new) in enumerate(pairs) if old != new)
    kept = next(differences, min(len(before), len(after)))
    view.delete("collections", rows[kept:])
    view.insert_all(
        "collections",
        (
            {"flow_id": flow_id, "position": position, "member": member, "role": role}
            for position, (member, role) in enumerate(after[kept:], kept)
        ),
    )
    lost, gained = set(before) - set(after), set(after) - set(before)
    _mark_collected(view, flow_id, {member for member, _ in after}, {member for member, _ in lost | gained})
    return {member for member, _ in lost}, {member for member, _ in gained}


def _mark_collected(view: View, flow_id: str, members: Set[str], changed: Iterable[str]) -> None:
    for rows in view.lookups("flows", "id", sorted(changed)).values():
        for row in rows:
            others = set(_list(row["collected_by"])) - {flow_id}
            collected_by = others | {flow_id} if row["id"] in members else others
            view.update("flows", row, collected_by=_array(sorted(collected_by)))


def members(view: View, flow_id: str) -> list[CollectionItem]:
    """The flows that a flow collects."""
    rows = view.lookup("collections", "flow_id", flow_id)
    return [
        CollectionItem(row["member"], row["role"]) for row in sorted(rows, key=lambda row: row["position"])
    ]


def collectors(view: View, flow_id: str) -> list[str]:
    """The ids of the flows that collect a flow, ascending, from its own row."""
    row = view.row("flows", "id", flow_id)
    return _list(row["collected_by"]) if row is not None else []


def pairs_of(items: Iterable[CollectionItem]) -> list[tuple[str, str]]:
    """The members and roles of a collection, in order."""
    return [(item.id, item.role) for item in items]


def listed(flow: Row | None) -> list[tuple[str, str]]:
    """The members and roles in the document of a flow. Its rows in `collections` have the same."""
    return [(item.id, item.role) for item in _DECODE(flow["doc"]).flow_collection] if flow is not None else []


def may_collect(flow: Row) -> bool:
    """True if a flow may have rows in `collections`: its document has members, or is damaged."""
    return not _is_readable(flow) or bool(listed(flow))


def _is_readable(flow: Row) -> bool:
    try:
        _DECODE(flow["doc"])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def pairs(view: View, column: str, flow_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of a collecting flow and a member, in which the column has one of the ids, ascending."""
    found = view.lookups("collections", column, flow_ids)
    return sorted({(row["flow_id"], row["member"]) for rows in found.values() for row in rows})


def read_only_collector(view: View, flow_id: str) -> str | None:
    """The id of a read-only flow that collects the flow; None if there is no such flow."""
    found = view.lookups("flows", "id", collectors(view, flow_id), ("id", "read_only"))
    return next((collector for collector, rows in found.items() if rows and rows[0]["read_only"]), None)


def collected_at_least(view: View, flow_ids: Iterable[str], times: int) -> frozenset[str]:
    """The flows, among these, that `times` flows or more collect."""
    found = view.lookups("flows", "id", sorted(set(flow_ids)))
    return frozenset(
        row["id"] for rows in found.values() for row in rows if len(_list(row["collected_by"])) >= times
    )


def sources_of(view: View, flow_ids: Iterable[str]) -> dict[str, str]:
    """The source ids of the flows that exist, by flow id."""
    found = view.lookups("flows", "id", sorted(set(flow_ids)))
    return {flow_id: rows[0]["source_id"] for flow_id, rows in found.items() if rows}


def neighbours(view: View, flow_id: str) -> set[str]:
    """The sources of the flows that a flow collects, and of the flows that collect it."""
    flow = view.row("flows", "id", flow_id)
    if flow is not None and not _is_readable(flow):
        return linked_sources(view, flow_id)
    flows = {member for member, _ in listed(flow)} | set(collectors(view, flow_id))
    return set(sources_of(view, flows).values())


def collecting(view: View, flow_id: str) -> list[str]:
    """The ids of the flows that collect a flow, ascending, from the table of collections."""
    return sorted({row["flow_id"] for row in view.lookup("collections", "member", flow_id)})


def linked_sources(view: View, flow_id: str) -> set[str]:
    """The sources that `neighbours` returns, from the table of collections instead of the rows of flows."""
    collected = {row["member"] for row in view.lookup("collections", "flow_id", flow_id)}
    return set(sources_of(view, collected.union(collecting(view, flow_id))).values())


def link_sources(view: View, source_id: str, items: Iterable[CollectionItem]) -> None:
    """Update the lists of sources after a flow of the source has collected further members."""
    added = list(items)
    sources = sources_of(view, {item.id for item in added})
    entries = {(sources[item.id], item.role) for item in added}
    for row in view.lookup("sources", "id", source_id):
        known = {(entry["id"], entry["role"]) for entry in _collected(row["source_collection"])}
        view.update("sources", row, source_collection=_entries(known | entries))
    for rows in view.lookups("sources", "id", sorted({member for member, _ in entries})).values():
        for row in rows:
            collected_by = {source_id, *_list(row["collected_by"])}
            view.update("sources", row, collected_by=_array(sorted(collected_by)))


def touch_source(view: View, source_id: str) -> None:
    """Write a source unchanged, to conflict with its deletion."""
    for row in view.lookup("sources", "id", source_id):
        view.update("sources", row, collected_by=row["collected_by"])


def derive_source(view: View, source_id: str) -> None:
    """Recompute `source_collection` and `collected_by` of a source; one entry for each id and role."""
    own = [row["id"] for row in view.lookup("flows", "source_id", source_id, ("id", "source_id"))]
    collected = _rows(view, "flow_id", own)
    collecting = _rows(view, "member", own)
    sources = sources_of(view, {row["member"] for row in collected} | {row["flow_id"] for row in collecting})
    entries = {(sources[row["member"]], row["role"]) for row in collected if row["member"] in sources}
    collected_by = {sources[row["flow_id"]] for row in collecting if row["flow_id"] in sources}
    for row in view.lookup("sources", "id", source_id):
        view.update(
            "sources", row, source_collection=_entries(entries), collected_by=_array(sorted(collected_by))
        )


def read_ahead(view: View, source_ids: Sequence[str]) -> None:
    """Read what `derive_source` reads for all of these sources together."""
    if len(source_ids) > 1:
        view.lookups("sources", "id", source_ids)
        found = view.lookups("flows", "source_id", source_ids, ("id", "source_id"))
        own = [row["id"] for rows in found.values() for row in rows]
        collected, collecting = _rows(view, "flow_id", own), _rows(view, "member", own)
        sources_of(view, {row["member"] for row in collected} | {row["flow_id"] for row in collecting})


def _rows(view: View, column: str, flow_ids: Iterable[str]) -> list[Row]:
    return [row for rows in view.lookups("collections", column, flow_ids).values() for row in rows]


def _list(array: bytes | None) -> list[str]:
    return list(msgspec.json.decode(array)) if array else []


def _collected(array: bytes | None) -> list[dict[str, str]]:
    return list(msgspec.json.decode(array)) if array else []


def _entries(entries: Iterable[tuple[str, str]]) -> bytes | None:
    return _array([{"id": member, "role": role} for member, role in sorted(entries)])


def _array(items: Sequence[object]) -> bytes | None:
    return msgspec.json.encode(items) if items else None
