"""Sources: reading, and their implicit creation and removal (ADR 0018)."""

from typing import Final

from services.metadata.application.pages import DEFAULT_PAGE, MAX_PAGE, Page, cut
from services.metadata.application.ports import SourceFilter, Store, Tables
from services.metadata.domain.flow import FlowInput
from services.metadata.domain.source import StoredSource, new_source
from services.shared.errors import InvalidArgument, NotFound
from services.shared.ids import is_uuid
from services.shared.paging import decode_token, page_size

_LISTING: Final = "sources"


class Sources:
    """Reads sources."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, source_id: str) -> StoredSource:
        """One source; NotFound when there is none or the id is malformed."""
        found = None
        if is_uuid(source_id):
            found = await self._store.read(lambda tables: tables.sources.get(source_id))
        if found is None:
            raise NotFound(f"no source {source_id[:64]!r}", reason="SOURCE_NOT_FOUND")
        return found

    async def page(self, wanted: SourceFilter, asked: int, token: str) -> Page[StoredSource]:
        """One page of the sources that pass the filter, ascending by id."""
        after = decode_token(token, _LISTING, str)
        size = page_size(asked, default=DEFAULT_PAGE, maximum=MAX_PAGE)
        run = self._store.read if wanted == SourceFilter() else self._store.scan
        rows = await run(lambda tables: tables.sources.page(wanted, after, size + 1))
        return cut(rows, size, _LISTING, lambda source: source.id)


def ensure_source(tables: Tables, flow: FlowInput, now: str) -> None:
    """Create the flow's source if it is new; InvalidArgument when its format is another one."""
    source = tables.sources.get(flow.flow.source_id)
    if source is None:
        document = new_source(flow.flow.source_id, flow.format, now, flow.members.get("created_by"))
        tables.sources.insert(flow.flow.source_id, flow.format, document)
    elif source.format != flow.format:
        raise InvalidArgument(
            f"source {source.id} has format {source.format}", reason="FORMAT_CONFLICT", path="$.format"
        )


def drop_orphan(tables: Tables, source_id: str) -> None:
    """Remove the source if no flow renders it any more."""
    if not tables.sources.has_flows(source_id):
        tables.sources.delete(source_id)
