"""Sources: reading, listing, changing. They are created and deleted with their flows (ADR 0018)."""

from collections.abc import Sequence
from typing import Final

from services.metadata.application.clock import Clock, authored_moment
from services.metadata.application.pages import DEFAULT_PAGE, MAX_PAGE, Page, check_tag_filters, make_page
from services.metadata.application.ports import SourceFilter, Store, Tables
from services.metadata.application.sources import changes as source_changes
from services.metadata.application.sources.changes import require_source
from services.metadata.application.text_digests import resolve_digests
from services.metadata.domain.property import PropertyChange, check_amount
from services.metadata.domain.source import StoredSource
from services.shared.paging import decode_token, page_size

_LISTING: Final = "sources"


class Sources:
    """Reads sources and changes their properties."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def get(self, source_id: str) -> StoredSource:
        """The source; NotFound SOURCE_NOT_FOUND if it does not exist or the id is malformed."""
        return await self._store.read(lambda tables: require_source(tables, source_id))

    async def page(self, criteria: SourceFilter, requested_size: int, token: str) -> Page[StoredSource]:
        """A page of the sources that pass the filter, ascending by id.

        InvalidArgument TOO_MANY_ITEMS, BAD_PAGE_TOKEN or BAD_TEXT_DIGEST.
        """
        check_tag_filters(criteria.tags, criteria.tag_digests, criteria.tag_exists)
        after = decode_token(token, _LISTING, str)
        size = page_size(requested_size, default=DEFAULT_PAGE, maximum=MAX_PAGE)
        run = self._store.read if criteria == SourceFilter() else self._store.scan

        def query(tables: Tables) -> list[StoredSource]:
            resolved = resolve_digests(tables.sources, criteria)
            return tables.sources.page(resolved, after, size + 1) if resolved else []

        rows = await run(query)
        return make_page(rows, size, _LISTING, lambda source: source.id, lambda source: source.weight)

    async def update(self, source_id: str, changes: Sequence[PropertyChange]) -> StoredSource:
        """Set and unset properties; returns the source. The errors are those of source_changes.update."""
        check_amount(changes)
        now = authored_moment(self._clock)
        return await self._store.write(lambda tables: source_changes.update(tables, source_id, changes, now))
