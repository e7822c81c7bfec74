"""Deletes sources and objects: all flows of a source, all segments of an object."""

from functools import partial
from typing import Final

from msgspec.structs import replace

from services.metadata.application.access import require_writable_flow
from services.metadata.application.classes.seeing import hides, sees_flow, whole
from services.metadata.application.clock import Clock, Moment, authored_moment
from services.metadata.application.delete_options import DEFAULT_OPTIONS, DeleteOptions, TrashRules
from services.metadata.application.flows import changes as flow_changes
from services.metadata.application.flows.collection_rules import check_may_leave
from services.metadata.application.flows.flows import Flows
from services.metadata.application.pages import MAX_PAGE
from services.metadata.application.ports import FlowFilter, Slow, Store, Tables
from services.metadata.application.segments.segments import Segments
from services.metadata.application.sources.changes import require_source
from services.metadata.domain.deletion_request import Deletion
from services.metadata.domain.documents.classes import outside_classes
from services.metadata.domain.ids import FlowId, is_object_id
from services.metadata.domain.trash import SoftDelete
from services.shared.errors import FailedPrecondition, NotFound
from services.shared.timerange import ETERNITY

# Flows that one transaction moves into the trash.
TOGETHER: Final = 100


class Cascades:
    """Deletes what belongs to a source or an object."""

    def __init__(
        self, store: Store, clock: Clock, flows: Flows, segments: Segments, rules: TrashRules
    ) -> None:
        self._store = store
        self._clock = clock
        self._flows = flows
        self._segments = segments
        self._rules = rules

    async def delete_source(
        self, source_id: str, *, cascade: bool, options: DeleteOptions = DEFAULT_OPTIONS
    ) -> Deletion | None:
        """Delete the flows of a source, and so the source; returns a deletion that continues by itself.

        NotFound SOURCE_NOT_FOUND, FailedPrecondition SOURCE_HAS_FLOWS without `cascade`, and the errors of
        Flows.delete, before anything is deleted.
        """
        now = authored_moment(self._clock)
        soft = self._rules.soft_delete(options, now)
        flow_ids = await self._store.scan(partial(_flows_to_delete, source_id=source_id, cascade=cascade))
        if soft is not None:
            for start in range(0, len(flow_ids), TOGETHER):
                part = flow_ids[start : start + TOGETHER]
                numbered = replace(soft, number=start)
                await self._store.write(
                    Slow(partial(_move_flows, source_id=source_id, flow_ids=part, now=now, soft=numbered))
                )
            return None
        deletion: Deletion | None = None
        for flow_id in flow_ids:
            deletion = await self._delete_flow(flow_id, now) or deletion
        return deletion

    async def _delete_flow(self, flow_id: FlowId, now: Moment) -> Deletion | None:
        try:
            return await self._flows.delete_as(flow_id, now, None)
        except NotFound:
            return None  # another call deleted it meanwhile

    async def delete_object(
        self, object_id: str, options: DeleteOptions = DEFAULT_OPTIONS
    ) -> Deletion | None:
        """Delete all segments of an object; returns a deletion that continues in the background.

        NotFound OBJECT_NOT_FOUND, and the errors of Segments.delete; a read-only flow is noticed before
        anything is deleted.
        """
        now = authored_moment(self._clock)
        soft = self._rules.soft_delete(options, now)
        flow_ids = await self._store.scan(partial(_flows_using, object_id=object_id))
        deletion: Deletion | None = None
        for number, flow_id in enumerate(flow_ids):
            numbered = soft and replace(soft, number=number)
            progress = await self._segments.delete_as(flow_id, (ETERNITY, object_id), now, numbered)
            deletion = progress.deletion or deletion
        return deletion


def _flows_to_delete(tables: Tables, source_id: str, *, cascade: bool) -> list[FlowId]:
    source, everything = require_source(tables, source_id), whole(tables)
    if not cascade and everything.sources.has_flows(source.id):
        raise FailedPrecondition(
            f"source {source_id} has flows; delete them first, or set cascade=true", reason="SOURCE_HAS_FLOWS"
        )
    flow_ids: list[FlowId] = []
    while page := everything.flows.page(
        FlowFilter(source_id=source_id), flow_ids[-1] if flow_ids else None, MAX_PAGE
    ):
        if any(hides(tables, flow.document) for flow in page):
            raise outside_classes(f"source {source_id} has flows outside the classes of the caller")
        flow_ids += [flow.id for flow in page]
    for flow_id in flow_ids:
        require_writable_flow(tables, flow_id)
        check_may_leave(tables, flow_id)
    return flow_ids


def _move_flows(
    tables: Tables, source_id: str, flow_ids: list[FlowId], now: Moment, soft: SoftDelete
) -> None:
    existing = whole(tables).flows.sources_of(flow_ids)
    for number, flow_id in enumerate(flow_ids, soft.number):
        # A flow may be gone, or have another source, since the list was read.
        if existing.get(flow_id) == source_id:
            flow_changes.delete(tables, flow_id, now, replace(soft, number=number))


def _flows_using(tables: Tables, object_id: str) -> list[FlowId]:
    flow_ids: list[FlowId] = []
    objects = whole(tables).objects
    if not is_object_id(object_id) or not tables.objects.referencing_flows(object_id, None, 1):
        raise NotFound(f"no object {object_id[:64]!r}", reason="OBJECT_NOT_FOUND")
    while page := objects.referencing_flows(object_id, flow_ids[-1] if flow_ids else None, MAX_PAGE):
        flow_ids += page
    if not all(sees_flow(tables, flow_id) for flow_id in flow_ids):
        raise outside_classes(f"flows outside the classes of the caller use object {object_id!r}")
    for flow_id in flow_ids:
        require_writable_flow(tables, flow_id)
    return flow_ids
