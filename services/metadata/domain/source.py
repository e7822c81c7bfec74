"""Sources, as they are stored and as clients see them (TAMS 7.0 source.json)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from services.metadata.domain.documents.jsons import ENCODE, Members, require_json
from services.metadata.domain.ids import SourceId

NO_TAGS: Final[Mapping[str, str]] = MappingProxyType({})


class StoredSource(NamedTuple):
    """A source as the tables hold it. The collections are JSON lists."""

    id: SourceId
    format: str
    document: bytes
    source_collection: bytes | None
    collected_by: bytes | None

    @property
    def weight(self) -> int:
        """The approximate number of bytes of the document that clients see."""
        return len(self.document) + len(self.source_collection or b"") + len(self.collected_by or b"")


def new_source(
    source_id: SourceId, format_urn: str, now: str, created_by: str | None, tags: Mapping[str, str] = NO_TAGS
) -> bytes:
    """The document of a source that is created with its first flow. `now` is RFC 3339 text."""
    members: Members = {"id": source_id, "format": format_urn, "created": now, "updated": now}
    members |= {"created_by": created_by, "updated_by": created_by} if created_by else {}
    return ENCODE(members | {"tags": dict(tags)} if tags else members)


def served_document(source: StoredSource) -> bytes:
    """The document that clients see: the stored members, then the derived collections.

    DataDamaged if it is not JSON.
    """
    document = source.document
    if source.source_collection:
        document = b'%b,"source_collection":%b}' % (document[:-1], source.source_collection)
    if source.collected_by:
        document = b'%b,"collected_by":%b}' % (document[:-1], source.collected_by)
    return require_json(document, "source", source.id)
