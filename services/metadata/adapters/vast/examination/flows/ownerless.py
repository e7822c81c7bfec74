"""Checks of tags and collections whose flow or source does not exist."""

from typing import Final

from services.metadata.adapters.vast.classes import ClassOwner
from services.metadata.adapters.vast.flows import collections
from services.metadata.adapters.vast.flows.tags import Owner
from services.metadata.adapters.vast.tables import VastTables
from services.metadata.application.ports.examination import Inconsistency

# The tables of the owners.
_OWNERS: Final[dict[Owner | ClassOwner, str]] = {
    "flow": "flows", "source": "sources", "flow-class": "flows", "source-class": "sources",
    "trash-class": "trash",
}  # fmt: skip


def check_tags(tables: VastTables, owner_id: str) -> list[Inconsistency]:
    """A finding for each kind of owner that the tags name and that does not exist."""
    owners = {row["owner"] for row in tables.view.lookup("tags", "id", owner_id)}
    return [
        Inconsistency("TAGS_OF_NOBODY", "tags", owner_id, f"there is no such {owner}", mendable=True)
        for owner in sorted(owners, key=str)
        if owner not in _OWNERS or not tables.view.lookup(_OWNERS[owner], "id", owner_id, ("id",))
    ]


def mend_tags(tables: VastTables, owner_id: str, kinds: set[str]) -> None:
    """Delete the tags whose flow or source does not exist."""
    if "TAGS_OF_NOBODY" not in kinds:
        return
    existing = {
        owner for owner, table in _OWNERS.items() if tables.view.lookup(table, "id", owner_id, ("id",))
    }
    rows = tables.view.lookup("tags", "id", owner_id)
    tables.view.delete("tags", [row for row in rows if row["owner"] not in existing])


def check_collection(tables: VastTables, flow_id: str) -> list[Inconsistency]:
    """A finding if the collecting flow does not exist."""
    held = tables.view.lookup("collections", "flow_id", flow_id)
    if not held or tables.view.lookup("flows", "id", flow_id, ("id",)):
        return []
    summary = "there is no such flow"
    return [Inconsistency("COLLECTION_OF_NOBODY", "collections", flow_id, summary, mendable=True)]


def mend_collection(tables: VastTables, flow_id: str, kinds: set[str]) -> None:
    """Delete the collection, and update `collected_by` of its members and the lists of sources."""
    if "COLLECTION_OF_NOBODY" not in kinds:
        return
    linked = collections.linked_sources(tables.view, flow_id)
    collections.put_collection(tables.view, flow_id, [])
    for source_id in sorted(linked):
        collections.derive_source(tables.view, source_id)
