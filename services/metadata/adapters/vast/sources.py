"""The table of sources."""

from collections.abc import Callable, Mapping

from services.metadata.adapters.vast.listings import Listing
from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.tags import put_tags
from services.metadata.adapters.vast.view import View
from services.metadata.application.ports import SourceFilter
from services.metadata.domain.source import StoredSource
from services.shared.errors import AlreadyExists


class VastSources:
    """Sources by id."""

    def __init__(self, view: View, count: Callable[[str], int]) -> None:
        self._view = view
        self._count = count

    def get(self, source_id: str) -> StoredSource | None:
        """One source."""
        row = self._view.one("sources", "id", source_id)
        return _stored(row) if row else None

    def page(self, wanted: SourceFilter, after: str | None, limit: int) -> list[StoredSource]:
        """Up to `limit` sources with an id above `after`, ascending."""
        equal = {"label": wanted.label, "format": wanted.format}
        listing = Listing(self._view, "source", equal, wanted.tags, wanted.tag_exists)
        return [_stored(row) for row in listing.page(after, limit, self._count("sources"))]

    def insert(self, source_id: str, format_urn: str, document: bytes) -> None:
        """Store a new source."""
        if self._view.one("sources", "id", source_id) is not None:
            raise AlreadyExists(f"source {source_id} exists", reason="SOURCE_EXISTS")
        self._view.lock("sources", source_id)
        self._view.insert("sources", id=source_id, format=format_urn, doc=document)

    def replace(self, source_id: str, document: bytes, label: str | None, tags: Mapping[str, str]) -> None:
        """Store a changed source."""
        for row in self._view.lookup("sources", "id", source_id):
            self._view.update("sources", row, doc=document, label=label)
            put_tags(self._view, "source", source_id, tags)

    def delete(self, source_id: str) -> None:
        """Remove a source and its tags."""
        self._view.delete("sources", self._view.lookup("sources", "id", source_id))
        put_tags(self._view, "source", source_id, {})

    def has_flows(self, source_id: str) -> bool:
        """Whether any flow renders the source."""
        return bool(self._view.lookup("flows", "source_id", source_id, ("id", "source_id")))


def _stored(row: Row) -> StoredSource:
    return StoredSource(row["id"], row["format"], row["doc"], row["source_collection"], row["collected_by"])
