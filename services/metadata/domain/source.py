"""Sources, as the tables hold and clients see them (TAMS 7.0 source.json)."""

from typing import NamedTuple

from services.metadata.domain.jsons import ENCODE


class StoredSource(NamedTuple):
    """A source as the tables hold it."""

    id: str
    format: str
    document: bytes
    source_collection: bytes | None
    collected_by: bytes | None

    @property
    def weight(self) -> int:
        """Bytes of its document as clients see it, about."""
        return len(self.document) + len(self.source_collection or b"") + len(self.collected_by or b"")


def new_source(source_id: str, format_urn: str, now: str, created_by: str | None) -> bytes:
    """The document of a source that comes into being with its first flow."""
    by = {"created_by": created_by, "updated_by": created_by} if created_by else {}
    return ENCODE({"id": source_id, "format": format_urn, "created": now, "updated": now, **by})


def served_document(source: StoredSource) -> bytes:
    """The document as clients see it: stored members, then the derived collections."""
    document = source.document
    if source.source_collection:
        document = b'%b,"source_collection":%b}' % (document[:-1], source.source_collection)
    if source.collected_by:
        document = b'%b,"collected_by":%b}' % (document[:-1], source.collected_by)
    return document
