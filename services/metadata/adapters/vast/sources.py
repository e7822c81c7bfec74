"""The table of sources."""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import cast

from services.metadata.adapters.vast.classes import having_classes
from services.metadata.adapters.vast.flows.links import links
from services.metadata.adapters.vast.flows.listings import Listing
from services.metadata.adapters.vast.flows.tags import drop_tags, put_tags
from services.metadata.adapters.vast.flows.texts import text_with_prefix
from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.reading.view import View
from services.metadata.application.ports import Link, SourceFilter
from services.metadata.domain.documents.classes import Classes
from services.metadata.domain.documents.tags import TagChanges
from services.metadata.domain.ids import SourceId
from services.metadata.domain.source import StoredSource
from services.shared.errors import AlreadyExists


class VastSources:
    """Sources by id."""

    def __init__(self, view: View, count: Callable[[str], int]) -> None:
        self._view = view
        self._count = count

    def get(self, source_id: str) -> StoredSource | None:
        """The source; None if it does not exist."""
        row = self._view.row("sources", "id", source_id)
        return _stored(row) if row else None

    def page(self, criteria: SourceFilter, after: str | None, limit: int) -> list[StoredSource]:
        """Up to `limit` sources that pass the filter and have an id above `after`, ascending by id."""
        equal = {"label": criteria.label, "format": criteria.format}
        if criteria.classes is not None and not criteria.classes:
            return []
        listing = Listing(
            self._view, "source", equal, criteria.tags, criteria.tag_exists, classes=criteria.classes
        )
        return [_stored(row) for row in listing.page(after, limit, partial(self._count, "sources"))]

    def text_with_prefix(
        self, tag: str | None, prefix: str, excluded: Sequence[str], classes: Classes | None = None
    ) -> str | None:
        """A stored label, or value of the tag if one is given, with the prefix; none of the excluded ones."""
        return text_with_prefix(self._view, "source", tag, prefix, excluded, classes=classes)

    def having_classes(self, source_ids: Iterable[str], classes: Classes) -> frozenset[SourceId]:
        """The sources, among these, that have one of the classes."""
        found = having_classes(self._view, "source-class", source_ids, classes)
        return cast("frozenset[SourceId]", found)

    def links(self, pairs: Collection[tuple[SourceId, SourceId]], classes: Classes) -> frozenset[Link]:
        """The links between these pairs of sources, by flows with one of the classes."""
        return links(self._view, pairs, classes)

    def insert(self, source_id: str, format_urn: str, document: bytes) -> None:
        """Store a new source."""
        if self._view.row("sources", "id", source_id) is not None:
            raise AlreadyExists(f"source {source_id} exists", reason="SOURCE_EXISTS")
        self._view.lock("sources", source_id)
        self._view.insert("sources", id=source_id, format=format_urn, doc=document)

    def replace(self, source_id: str, document: bytes, label: str | None, tags: TagChanges) -> None:
        """Replace the document and label of a source, and change its tags."""
        for row in self._view.lookup("sources", "id", source_id):
            self._view.update("sources", row, doc=document, label=label)
            put_tags(self._view, "source", source_id, tags)

    def delete(self, source_id: str) -> None:
        """Delete a source and its tags."""
        for row in self._view.lookup("sources", "id", source_id):
            self._view.delete("sources", [row])
            drop_tags(self._view, "source", row)

    def has_flows(self, source_id: str) -> bool:
        """True if a flow of the source exists."""
        return bool(self._view.lookup("flows", "source_id", source_id, ("id", "source_id")))


def _stored(row: Row) -> StoredSource:
    return StoredSource(row["id"], row["format"], row["doc"], row["source_collection"], row["collected_by"])
