"""Flows: reading, replacing, changing, deleting."""

from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

from services.metadata.application import flow_changes
from services.metadata.application.access import flow_not_found, known_flow
from services.metadata.application.clock import Clock, moment
from services.metadata.application.deletions import Deletions
from services.metadata.application.pages import DEFAULT_PAGE, MAX_PAGE, Page, cut
from services.metadata.application.ports import FlowFilter, Store, Tables
from services.metadata.domain.deletion import Deletion
from services.metadata.domain.flow import StoredFlow, parse_flow, served_document
from services.metadata.domain.property import MAX_CHANGES, PropertyChange
from services.shared.errors import Exhausted, InvalidArgument, NotFound, TamsError
from services.shared.ids import is_uuid
from services.shared.paging import decode_token, page_size
from services.shared.timerange import NEVER, TimeRange

_LISTING: Final = "flows"
MAX_BATCH: Final = 256
# Well within what a message between services may hold.
MAX_BATCH_BYTES: Final = 32 * 1024 * 1024


class GetFlow(NamedTuple):
    """A flow to read; `within` asks for the extent of the segments overlapping it."""

    id: str
    within: TimeRange | None = None


class FlowRead(NamedTuple):
    """A flow and its document as served."""

    flow: StoredFlow
    document: bytes


class Flows:
    """Reads and writes flows."""

    def __init__(self, store: Store, clock: Clock, deletions: Deletions) -> None:
        self._store = store
        self._clock = clock
        self._deletions = deletions

    async def get(self, wanted: GetFlow) -> FlowRead:
        """One flow; NotFound when there is none or the id is malformed."""
        return await self._store.read(lambda tables: _read(tables, wanted))

    async def get_many(self, wanted: Sequence[GetFlow]) -> list[FlowRead | TamsError]:
        """For each request the flow, or why there is none."""
        if len(wanted) > MAX_BATCH:
            raise InvalidArgument(f"at most {MAX_BATCH} flows at once", reason="TOO_MANY_ITEMS")

        def query(tables: Tables) -> list[FlowRead | TamsError]:
            return _within_reply([_read_or_error(tables, one) for one in wanted])

        return await self._store.read(query)

    async def page(self, wanted: FlowFilter, asked: int, token: str) -> Page[StoredFlow]:
        """One page of the flows that pass the filter, ascending by id."""
        after = decode_token(token, _LISTING, str)
        size = page_size(asked, default=DEFAULT_PAGE, maximum=MAX_PAGE)
        run = self._store.read if _is_short(wanted) else self._store.scan
        rows = await run(lambda tables: tables.flows.page(wanted, after, size + 1))
        return cut(rows, size, _LISTING, lambda flow: flow.id, lambda flow: flow.weight)

    async def put(self, flow_id: str, document: bytes) -> tuple[FlowRead, bool]:
        """Create or replace the flow; the flow as stored and whether it is new.

        NotFound when the id is malformed or another one than the document's.
        """
        if not is_uuid(flow_id):
            raise flow_not_found(flow_id)
        flow = parse_flow(document)
        if flow.flow.id != flow_id:
            raise NotFound(
                f"the body has the id of flow {flow.flow.id}", reason="FLOW_NOT_FOUND", path="$.id"
            )
        now = moment(self._clock)

        def change(tables: Tables) -> tuple[FlowRead, bool]:
            created = flow_changes.put(tables, flow, now)
            return _read(tables, GetFlow(flow_id)), created

        return await self._store.write(change)

    async def update(self, flow_id: str, changes: Sequence[PropertyChange]) -> FlowRead:
        """Set and unset properties; the flow as stored."""
        if len(changes) > MAX_CHANGES:
            raise InvalidArgument(f"at most {MAX_CHANGES} changes at once", reason="TOO_MANY_ITEMS")
        now = moment(self._clock)

        def change(tables: Tables) -> FlowRead:
            flow_changes.update(tables, flow_id, changes, now)
            return _read(tables, GetFlow(flow_id))

        return await self._store.write(change)

    async def delete(self, flow_id: str) -> Deletion | None:
        """Delete the flow with all that hangs on it; what of that is still under way."""
        now = moment(self._clock)
        begun = await self._store.write(partial(flow_changes.delete, flow_id=flow_id, now=now))
        return (await self._deletions.finish(begun)).deletion


def _within_reply(results: Sequence[FlowRead | TamsError]) -> list[FlowRead | TamsError]:
    """The results, with Exhausted in place of those that a reply cannot hold besides the others."""
    answers: list[FlowRead | TamsError] = []
    left = MAX_BATCH_BYTES
    for one in results:
        left -= len(one.document) if isinstance(one, FlowRead) else 0
        answers.append(one if left >= 0 else Exhausted("too many large flows at once"))
    return answers


def _is_short(wanted: FlowFilter) -> bool:
    """Whether an index leads straight to the page; of two conditions, one is checked row by row."""
    indexed = FlowFilter(source_id=wanted.source_id, label=wanted.label, tags=wanted.tags)
    conditions = (wanted.source_id is not None) + (wanted.label is not None) + len(wanted.tags)
    return wanted == indexed and conditions <= 1


def _read(tables: Tables, wanted: GetFlow) -> FlowRead:
    flow = known_flow(tables, wanted.id)
    if wanted.within is None:
        return FlowRead(flow, served_document(flow))
    return FlowRead(flow, served_document(flow, str(_extent(tables, flow, wanted.within))))


def _extent(tables: Tables, flow: StoredFlow, within: TimeRange) -> TimeRange:
    if flow.start_ns is None:
        return NEVER
    whole = TimeRange(flow.start_ns, flow.end_ns, bool(flow.end_inclusive))
    return whole if within.covers(whole) else tables.segments.extent(flow.id, within).intersection(within)


def _read_or_error(tables: Tables, wanted: GetFlow) -> FlowRead | TamsError:
    try:
        return _read(tables, wanted)
    except TamsError as error:
        return error
