"""Which flows collect which, and the lists derived from that (ADR 0012)."""

from collections.abc import Iterable, Sequence

import msgspec

from services.metadata.adapters.vast.view import View
from services.metadata.domain.essence import CollectionItem


def put_collection(view: View, flow_id: str, items: Sequence[CollectionItem]) -> None:
    """Store what a flow collects in place of what was there."""
    view.delete("collections", view.lookup("collections", "flow_id", flow_id))
    for position, item in enumerate(items):
        view.insert("collections", flow_id=flow_id, position=position, member=item.id, role=item.role)


def members(view: View, flow_id: str) -> list[CollectionItem]:
    """The flows that a flow collects."""
    rows = view.lookup("collections", "flow_id", flow_id)
    return [CollectionItem(row["member"], row["role"]) for row in sorted(rows, key=lambda r: r["position"])]


def collectors(view: View, flow_id: str) -> list[str]:
    """The flows that collect a flow, ascending."""
    return sorted({row["flow_id"] for row in view.lookup("collections", "member", flow_id)})


def sources_of(view: View, flow_ids: Iterable[str]) -> dict[str, str]:
    """The source of each of the flows that exist."""
    found = view.lookups("flows", "id", sorted(set(flow_ids)))
    return {flow_id: rows[0]["source_id"] for flow_id, rows in found.items() if rows}


def derive_flow(view: View, flow_id: str) -> None:
    """Recompute the collected_by of a flow."""
    for row in view.lookup("flows", "id", flow_id):
        view.update("flows", row, collected_by=_array(collectors(view, flow_id)))


def derive_source(view: View, source_id: str) -> None:
    """Recompute the source_collection and collected_by of a source; one entry for each id and role.

    The row is written even when nothing changes: whoever removes the source at the same time collides.
    """
    own = [row["id"] for row in view.lookup("flows", "source_id", source_id, ("id", "source_id"))]
    collected = [row for rows in view.lookups("collections", "flow_id", own).values() for row in rows]
    collecting = [row for rows in view.lookups("collections", "member", own).values() for row in rows]
    sources = sources_of(view, {row["member"] for row in collected} | {row["flow_id"] for row in collecting})
    entries = {(sources[row["member"]], row["role"]) for row in collected if row["member"] in sources}
    by = {sources[row["flow_id"]] for row in collecting if row["flow_id"] in sources}
    for row in view.lookup("sources", "id", source_id):
        view.update(
            "sources",
            row,
            source_collection=_array([{"id": one, "role": role} for one, role in sorted(entries)]),
            collected_by=_array(sorted(by)),
        )


def _array(items: Sequence[object]) -> bytes | None:
    return msgspec.json.encode(items) if items else None
