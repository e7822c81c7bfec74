"""Flows: reading, listing, replacing, changing, deleting."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

from services.metadata.application.access import checked_flow_id, require_flow
from services.metadata.application.classes.store import has_classes
from services.metadata.application.clock import Clock, Moment, authored_moment
from services.metadata.application.delete_options import DEFAULT_OPTIONS, DeleteOptions
from services.metadata.application.deletion_requests import Deletions
from services.metadata.application.flows import changes as flow_changes
from services.metadata.application.pages import DEFAULT_PAGE, MAX_PAGE, Page, check_tag_filters, make_page
from services.metadata.application.ports import FlowFilter, Slow, Store, Tables
from services.metadata.application.text_digests import resolve_digests
from services.metadata.domain.deletion_request import Deletion
from services.metadata.domain.flows.flow import FlowInput, StoredFlow, parse_flow, served_document
from services.metadata.domain.property import PropertyChange, check_amount
from services.metadata.domain.trash import SoftDelete
from services.shared.errors import Exhausted, InvalidArgument, NotFound, TamsError
from services.shared.paging import decode_token, page_size
from services.shared.timerange import NEVER, TimeRange

_LISTING: Final = "flows"
MAX_BATCH: Final = 256
# Bytes of a document. Storing a larger one, with many tags or members, is a slow change.
_LARGE: Final = 32 * 1024
# Bytes of documents in one reply; far below the limit of a message between services.
MAX_BATCH_BYTES: Final = 32 * 1024 * 1024
# Bytes of a document that is parsed on the event loop. Larger ones are parsed in a thread.
_SHORT: Final = 64 * 1024


class GetFlow(NamedTuple):
    """A flow to read. With `within`, its document has the extent of the segments in that range."""

    id: str
    within: TimeRange | None = None


class Flows:
    """Reads and changes flows."""

    def __init__(self, store: Store, clock: Clock, deletions: Deletions) -> None:
        self._store = store
        self._clock = clock
        self._deletions = deletions

    async def get(self, request: GetFlow) -> bytes:
        """The document of a flow; NotFound FLOW_NOT_FOUND if it does not exist or the id is malformed."""
        return await self._store.read(lambda tables: _read(tables, request))

    async def get_many(self, requests: Sequence[GetFlow]) -> list[bytes | TamsError]:
        """For each request the document of the flow, or the error of `get`.

        Exhausted takes the place of documents beyond MAX_BATCH_BYTES. InvalidArgument TOO_MANY_ITEMS for more
        than MAX_BATCH requests.
        """
        if len(requests) > MAX_BATCH:
            raise InvalidArgument(f"at most {MAX_BATCH} flows at once", reason="TOO_MANY_ITEMS")

        def query(tables: Tables) -> list[bytes | TamsError]:
            return _limit_bytes([_read_or_error(tables, request) for request in requests])

        return await self._store.read(query)

    async def page(self, criteria: FlowFilter, requested_size: int, token: str) -> Page[StoredFlow]:
        """A page of the flows that pass the filter, ascending by id.

        InvalidArgument TOO_MANY_ITEMS, BAD_PAGE_TOKEN or BAD_TEXT_DIGEST.
        """
        check_tag_filters(criteria.tags, criteria.tag_digests, criteria.tag_exists)
        after = decode_token(token, _LISTING, str)
        size = page_size(requested_size, default=DEFAULT_PAGE, maximum=MAX_PAGE)
        run = self._store.read if _is_indexed(criteria, of_classes=has_classes()) else self._store.scan

        def query(tables: Tables) -> list[StoredFlow]:
            resolved = resolve_digests(tables.flows, criteria)
            return tables.flows.page(resolved, after, size + 1) if resolved else []

        rows = await run(query)
        return make_page(rows, size, _LISTING, lambda flow: flow.id, lambda flow: flow.weight)

    async def put(self, flow_id: str, document: bytes) -> tuple[bytes, bool]:
        """Create or replace the flow; returns its document, and True if it is new.

        NotFound FLOW_NOT_FOUND if the id is malformed or differs from the document's id, and the errors of
        `parse_flow` and of flow_changes.put.
        """
        checked_flow_id(flow_id)
        flow = await _parse(document)
        if flow.flow.id != flow_id:
            raise NotFound(
                f"the body has the id of flow {flow.flow.id}", reason="FLOW_NOT_FOUND", path="$.id"
            )
        now = authored_moment(self._clock)

        def change(tables: Tables) -> tuple[bytes, bool]:
            created = flow_changes.put(tables, flow, now)
            return _read(tables, GetFlow(flow_id)), created

        return await self._store.write(Slow(change) if len(document) > _LARGE else change)

    async def update(self, flow_id: str, changes: Sequence[PropertyChange]) -> bytes:
        """Set and unset properties; returns the document. The errors are those of flow_changes.update."""
        check_amount(changes)
        now = authored_moment(self._clock)

        def change(tables: Tables, max_bytes: int | None = None) -> bytes:
            flow_changes.update(tables, flow_id, changes, now, max_bytes)
            return _read(tables, GetFlow(flow_id))

        try:
            return await self._store.write(partial(change, max_bytes=_LARGE))
        except flow_changes.LargeDocument:
            return await self._store.write(Slow(change))

    async def delete(self, flow_id: str, options: DeleteOptions = DEFAULT_OPTIONS) -> Deletion | None:
        """Delete the flow with its segments; returns the deletion if it continues in the background.

        The errors are those of flow_changes.delete and of TrashRules.soft_delete.
        """
        now = authored_moment(self._clock)
        return await self.delete_as(flow_id, now, self._deletions.trash.soft_delete(options, now))

    async def delete_as(self, flow_id: str, now: Moment, soft: SoftDelete | None) -> Deletion | None:
        """The same, as a part of a soft deletion or for good."""
        change = partial(flow_changes.delete, flow_id=flow_id, now=now, soft=soft)
        progress = None
        while progress is None:
            progress = await self._store.write(Slow(change))
        return (await self._deletions.finish(progress)).deletion


async def _parse(document: bytes) -> FlowInput:
    return parse_flow(document) if len(document) <= _SHORT else await asyncio.to_thread(parse_flow, document)


def _limit_bytes(results: Sequence[bytes | TamsError]) -> list[bytes | TamsError]:
    """The results, with Exhausted in place of the documents after the first MAX_BATCH_BYTES."""
    limited: list[bytes | TamsError] = []
    bytes_left = MAX_BATCH_BYTES
    for result in results:
        bytes_left -= len(result) if isinstance(result, bytes) else 0
        limited.append(result if bytes_left >= 0 else Exhausted("too many large flows at once"))
    return limited


def _is_indexed(criteria: FlowFilter, *, of_classes: bool) -> bool:
    """True if an index leads straight to the page. With two conditions, one is checked row by row.

    The classes of a caller are a condition too.
    """
    indexed = FlowFilter(source_id=criteria.source_id, label=criteria.label, tags=criteria.tags)
    conditions = (criteria.source_id is not None) + (criteria.label is not None) + len(criteria.tags)
    conditions += of_classes
    return criteria == indexed and conditions <= 1


def _read(tables: Tables, request: GetFlow) -> bytes:
    flow = require_flow(tables, request.id)
    if request.within is None:
        return served_document(flow)
    return served_document(flow, str(_extent(tables, flow, request.within)))


def _extent(tables: Tables, flow: StoredFlow, within: TimeRange) -> TimeRange:
    if flow.start_ns is None:
        return NEVER
    extent = flow.extent
    return extent if within.covers(extent) else tables.segments.extent(flow.id, within).intersection(within)


def _read_or_error(tables: Tables, request: GetFlow) -> bytes | TamsError:
    try:
        return _read(tables, request)
    except TamsError as error:
        return error
