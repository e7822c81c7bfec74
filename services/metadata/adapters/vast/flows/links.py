"""The links between sources that flows with certain classes cause."""

from collections.abc import Collection

from services.metadata.adapters.vast.classes import having_classes
from services.metadata.adapters.vast.reading.view import View
from services.metadata.application.ports import Link
from services.metadata.domain.documents.classes import Classes
from services.metadata.domain.ids import SourceId


def links(view: View, pairs: Collection[tuple[SourceId, SourceId]], classes: Classes) -> frozenset[Link]:
    """The links between these pairs of a collecting and a collected source, by flows with a class."""
    ids = {source_id for pair in pairs for source_id in pair}
    flows = view.lookups("flows", "source_id", sorted(ids), ("id", "source_id"))
    source_of = {row["id"]: source_id for source_id, rows in flows.items() for row in rows}
    seen = having_classes(view, "flow-class", source_of, classes)
    owners = {owner for owner, _ in pairs}
    collecting = sorted(flow_id for flow_id in seen if source_of[flow_id] in owners)
    found = view.lookups("collections", "flow_id", collecting)
    return frozenset(
        Link(source_of[flow_id], source_of[row["member"]], row["role"])
        for flow_id, rows in found.items()
        for row in rows
        if row["member"] in seen and (source_of[flow_id], source_of[row["member"]]) in pairs
    )
