"""Flows: reading, replacing, deleting."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from services.metadata.application.access import flow_not_found, known_flow, writable_flow
from services.metadata.application.clock import Clock, rfc3339
from services.metadata.application.collections import Affected, check_members, leave_collections
from services.metadata.application.objects import release
from services.metadata.application.pages import DEFAULT_PAGE, MAX_PAGE, Page, cut
from services.metadata.application.ports import FlowFilter, Store, Tables
from services.metadata.application.sources import drop_orphan, ensure_source
from services.metadata.domain.flow import FlowInput, StoredFlow, parse_flow, served_document
from services.metadata.domain.jsons import ENCODE
from services.metadata.domain.version import next_version
from services.shared.errors import InvalidArgument, TamsError
from services.shared.ids import is_uuid
from services.shared.paging import decode_token, page_size
from services.shared.timerange import ETERNITY, NEVER, TimeRange

_LISTING: Final = "flows"
MAX_BATCH: Final = 256


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

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def get(self, wanted: GetFlow) -> FlowRead:
        """One flow; NotFound when there is none or the id is malformed."""
        return await self._store.read(lambda tables: _read(tables, wanted))

    async def get_many(self, wanted: Sequence[GetFlow]) -> list[FlowRead | TamsError]:
        """For each request the flow, or why there is none."""
        if len(wanted) > MAX_BATCH:
            raise InvalidArgument(f"at most {MAX_BATCH} flows at once", reason="TOO_MANY_ITEMS")

        def query(tables: Tables) -> list[FlowRead | TamsError]:
            return [_read_or_error(tables, one) for one in wanted]

        return await self._store.read(query)

    async def page(self, wanted: FlowFilter, asked: int, token: str) -> Page[StoredFlow]:
        """One page of the flows that pass the filter, ascending by id."""
        after = decode_token(token, _LISTING, str)
        size = page_size(asked, default=DEFAULT_PAGE, maximum=MAX_PAGE)
        run = self._store.read if _is_short(wanted) else self._store.scan
        rows = await run(lambda tables: tables.flows.page(wanted, after, size + 1))
        return cut(rows, size, _LISTING, lambda flow: flow.id)

    async def put(self, flow_id: str, document: bytes) -> tuple[FlowRead, bool]:
        """Create or replace the flow; the flow as stored and whether it is new."""
        flow = parse_flow(document)
        if not is_uuid(flow_id) or flow.flow.id != flow_id:
            raise flow_not_found(flow_id)
        now = rfc3339(self._clock())
        return await self._store.write(lambda tables: _put(tables, flow, now))

    async def delete(self, flow_id: str) -> None:
        """Delete the flow with all that hangs on it."""
        now = rfc3339(self._clock())
        await self._store.write(lambda tables: _delete(tables, flow_id, now))


def _is_short(wanted: FlowFilter) -> bool:
    unfiltered = FlowFilter(source_id=wanted.source_id, label=wanted.label, tags=wanted.tags)
    return wanted == unfiltered


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


def _put(tables: Tables, flow: FlowInput, now: str) -> tuple[FlowRead, bool]:
    flow_id, source_id = flow.flow.id, flow.flow.source_id
    stored = tables.flows.get(flow_id)
    if stored is not None:
        writable_flow(tables, flow_id)
        if stored.format != flow.format:
            raise InvalidArgument("the format of a flow is fixed", reason="FORMAT_CONFLICT", path="$.format")
    check_members(tables, flow_id, flow.collection)
    ensure_source(tables, flow, now)
    affected = Affected.by(tables, flow_id, [source_id, *([stored.source_id] if stored else [])])
    tables.flows.put(flow, ENCODE(_managed(flow, stored, now)))
    if stored is not None and stored.source_id != source_id:
        drop_orphan(tables, stored.source_id)
    affected.also(tables, flow_id).derive(tables)
    return _read(tables, GetFlow(flow_id)), stored is None


def _managed(flow: FlowInput, stored: StoredFlow | None, now: str) -> dict[str, Any]:
    """The members to store: what the client sent, and what the service keeps (ADR 0003, ADR 0025)."""
    before: dict[str, Any] | None = msgspec.json.decode(stored.document) if stored else None
    members = {**flow.members, "created": now, "metadata_updated": now}
    members["metadata_version"] = next_version(flow.members, before)
    if before is not None:
        members["created"] = before["created"]
        members.pop("created_by", None)
        members |= {name: before[name] for name in ("created_by",) if name in before}
    return members


def _delete(tables: Tables, flow_id: str, now: str) -> None:
    flow = writable_flow(tables, flow_id)
    release(tables, flow_id, tables.segments.delete(flow_id, ETERNITY, None, now).references)
    affected = Affected.by(tables, flow_id, [flow.source_id])
    leave_collections(tables, flow_id, now)
    tables.flows.delete(flow_id)
    drop_orphan(tables, flow.source_id)
    affected.derive(tables)
