"""Sources: reading and changing. They are created and removed with their flows (ADR 0018)."""

from collections.abc import Sequence
from typing import Final

from services.metadata.application import source_changes
from services.metadata.application.clock import Clock, moment
from services.metadata.application.pages import DEFAULT_PAGE, MAX_PAGE, Page, cut
from services.metadata.application.ports import SourceFilter, Store
from services.metadata.application.source_changes import known_source
from services.metadata.domain.property import MAX_CHANGES, PropertyChange
from services.metadata.domain.source import StoredSource
from services.shared.errors import InvalidArgument
from services.shared.paging import decode_token, page_size

_LISTING: Final = "sources"


class Sources:
    """Reads sources and changes their properties."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def get(self, source_id: str) -> StoredSource:
        """One source; NotFound when there is none or the id is malformed."""
        return await self._store.read(lambda tables: known_source(tables, source_id))

    async def page(self, wanted: SourceFilter, asked: int, token: str) -> Page[StoredSource]:
        """One page of the sources that pass the filter, ascending by id."""
        after = decode_token(token, _LISTING, str)
        size = page_size(asked, default=DEFAULT_PAGE, maximum=MAX_PAGE)
        run = self._store.read if wanted == SourceFilter() else self._store.scan
        rows = await run(lambda tables: tables.sources.page(wanted, after, size + 1))
        return cut(rows, size, _LISTING, lambda source: source.id, lambda source: source.weight)

    async def update(self, source_id: str, changes: Sequence[PropertyChange]) -> StoredSource:
        """Set and unset properties; the source as stored."""
        if len(changes) > MAX_CHANGES:
            raise InvalidArgument(f"at most {MAX_CHANGES} changes at once", reason="TOO_MANY_ITEMS")
        now = moment(self._clock)
        return await self._store.write(lambda tables: source_changes.update(tables, source_id, changes, now))
