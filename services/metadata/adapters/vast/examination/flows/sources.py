"""Checks of sources. Label, format and tags follow from the document, the lists from collections of flows."""

from typing import Final

from services.metadata.adapters.vast.classes import clear_classes
from services.metadata.adapters.vast.examination.duplicates import (
    duplicates,
    keep_one,
    members_of,
    newest,
)
from services.metadata.adapters.vast.examination.flows.documents import (
    has_classes,
    source_document,
    tag_rows,
    write_classes,
)
from services.metadata.adapters.vast.flows import collections
from services.metadata.adapters.vast.flows.tags import add_tags, clear_tags
from services.metadata.adapters.vast.queries import Row, Values
from services.metadata.adapters.vast.tables import VastTables
from services.metadata.application.ports.examination import Inconsistency
from services.metadata.domain.documents.jsons import Members
from services.metadata.domain.documents.rebuilding import LOST

# The member with the time of the last change.
_CHANGED: Final = "updated"
_LISTS: Final = ("source_collection", "collected_by")


def check(tables: VastTables, source_id: str) -> list[Inconsistency]:
    """The findings about the rows of a source and its tags."""
    rows = tables.view.lookup("sources", "id", source_id)
    if not rows:
        return []
    row, found = newest(rows, _CHANGED), duplicates("sources", source_id, rows)
    if not tables.sources.has_flows(source_id):
        return [*found, _finding(source_id, "SOURCE_OF_NOBODY", "it has no flows")]
    members = _members(row)
    if members is None:
        found.append(_finding(source_id, "DAMAGED_DOCUMENT", f"its document is not that of a source; {LOST}"))
    else:
        if wrong := [name for name, value in _columns(members).items() if row[name] != value]:
            summary = f"its document has other values than the columns {', '.join(wrong)}"
            found.append(_finding(source_id, "COLUMNS", summary))
        if tag_rows(tables, "source", source_id) != sorted(_tags(members).items()):
            found.append(_finding(source_id, "TAGS", "its tags differ from those of its document"))
        if not has_classes(tables, "source", source_id, _tags(members)):
            found.append(_finding(source_id, "CLASSES", "its classes are not those of its tag"))
    if any(row[name] != value for name, value in _derived(tables, source_id).items()):
        found.append(
            _finding(source_id, "SOURCE_COLLECTION", "it is not what the collections of its flows give")
        )
    return found


def mend(tables: VastTables, source_id: str, kinds: set[str]) -> None:
    """Rewrite the values that follow from the newest document and the collections of the source's flows."""
    rows = tables.view.lookup("sources", "id", source_id)
    if not rows:
        return
    if "SOURCE_OF_NOBODY" in kinds:
        tables.sources.delete(source_id)
        return
    row = newest(rows, _CHANGED)
    if "DOUBLED_ROW" in kinds:
        keep_one(tables, "sources", row, rows)
    if "DAMAGED_DOCUMENT" in kinds:
        tables.view.update("sources", row, doc=source_document(tables, row))
        row = newest(tables.view.lookup("sources", "id", source_id), _CHANGED)
    members = _members(row)
    if members is not None:
        _follow_document(tables, row, members, kinds)
    if "SOURCE_COLLECTION" in kinds:
        collections.derive_source(tables.view, source_id)


def _follow_document(tables: VastTables, row: Row, members: Members, kinds: set[str]) -> None:
    source_id, tags = row["id"], _tags(members)
    if "COLUMNS" in kinds:
        tables.view.update("sources", row, **_columns(members))
    if "TAGS" in kinds:
        clear_tags(tables.view, "source", source_id)
        clear_classes(tables.view, "source-class", source_id)
        add_tags(tables.view, "source", source_id, tags)
    elif "CLASSES" in kinds:
        write_classes(tables, "source", source_id, tags)


def _members(row: Row) -> Members | None:
    """The members of a source's document; None if it is damaged or that of another source."""
    members = members_of(row["doc"])
    is_own = members is not None and members.get("id") == row["id"] and members.get("format")
    return members if is_own else None


def _columns(members: Members) -> Values:
    return {"label": members.get("label"), "format": members.get("format")}


def _tags(members: Members) -> dict[str, str]:
    return members.get("tags") or {}


def _derived(tables: VastTables, source_id: str) -> Values:
    """The right lists. They are written to the view of a transaction that is not committed."""
    collections.derive_source(tables.view, source_id)
    rows = tables.view.lookup("sources", "id", source_id)
    return {name: rows[0][name] for name in _LISTS}


def _finding(source_id: str, kind: str, summary: str) -> Inconsistency:
    return Inconsistency(kind, "sources", source_id, summary, mendable=True)
