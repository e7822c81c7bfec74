"""Lost documents of flows and sources, rebuilt from other columns and rows."""

from collections.abc import Mapping
from typing import Final

from services.metadata.adapters.vast.classes import ClassOwner, add_classes, clear_classes
from services.metadata.adapters.vast.examination.duplicates import members_of
from services.metadata.adapters.vast.flows import collections
from services.metadata.adapters.vast.flows.tags import CLASS_OWNERS, Owner
from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.tables import VastTables
from services.metadata.application.clock import moment, utc_now
from services.metadata.domain.documents.rebuilding import FlowColumns, rebuilt_flow, rebuilt_source
from services.shared.access.classes import classes_of_tags

_COLUMNS: Final = FlowColumns._fields


def flow_document(tables: VastTables, row: Row) -> bytes:
    """The document of a flow, rebuilt from its columns and the usable members of its damaged document."""
    members = members_of(row["doc"]) or {}
    if members.get("id", row["id"]) != row["id"]:
        members = {}  # The document is that of another flow.
    collection = [(item.id, item.role) for item in collections.members(tables.view, row["id"])]
    columns = FlowColumns(*(row[name] for name in _COLUMNS))
    return rebuilt_flow(columns, dict(tag_rows(tables, "flow", row["id"])), collection, _now(), members)


def source_document(tables: VastTables, row: Row) -> bytes:
    """The document of a source, rebuilt from its columns, tags and flows."""
    source_id = row["id"]
    format_urn = row["format"] or _format_of(tables, source_id)
    return rebuilt_source(
        source_id, format_urn, row["label"], dict(tag_rows(tables, "source", source_id)), _now()
    )


def add_source(tables: VastTables, source_id: str, format_urn: str) -> None:
    """Add the source if it is missing, with its remaining tags."""
    if tables.sources.get(source_id) is not None:
        return
    tags = dict(tag_rows(tables, "source", source_id))
    tables.sources.insert(source_id, format_urn, rebuilt_source(source_id, format_urn, None, tags, _now()))
    collections.derive_source(tables.view, source_id)


def has_classes(tables: VastTables, owner: Owner, owner_id: str, tags: Mapping[str, str]) -> bool:
    """True if the rows for the classes of a flow or source are those of its tags."""
    rows = tag_rows(tables, CLASS_OWNERS[owner], owner_id)
    return rows == [(name, "") for name in sorted(classes_of_tags(tags))]


def write_classes(tables: VastTables, owner: Owner, owner_id: str, tags: Mapping[str, str]) -> None:
    """Rewrite the rows for the classes of a flow or source."""
    clear_classes(tables.view, CLASS_OWNERS[owner], owner_id)
    add_classes(tables.view, CLASS_OWNERS[owner], owner_id, classes_of_tags(tags))


def tag_rows(tables: VastTables, owner: Owner | ClassOwner, owner_id: str) -> list[tuple[str, str]]:
    """The names and values of the tags of a flow or source, ascending."""
    rows = tables.view.lookup("tags", "id", owner_id)
    return sorted((row["name"], row["value"]) for row in rows if row["owner"] == owner)


def _format_of(tables: VastTables, source_id: str) -> str:
    rows = tables.view.lookup("flows", "source_id", source_id, ("id", "source_id", "format"))
    return next((row["format"] for row in rows if row["format"]), "")


def _now() -> str:
    return moment(utc_now).text
