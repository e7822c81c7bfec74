"""Records the events about the segments of restored flows. Each function runs within one transaction.

The flow returns at once, with all of its segments. Its first ones are announced in that transaction, so most
flows are done then. For the others an entry of the trash remembers the place, and background work continues.
"""

from typing import Final

from msgspec.structs import replace

from services.metadata.application.clock import Moment
from services.metadata.application.deletion_requests import SLICE
from services.metadata.application.ports import Tables
from services.metadata.application.webhooks.outbox import Outbox
from services.metadata.domain.flows.flow import StoredFlow
from services.metadata.domain.trash import Kind, Trashed, new_timeline
from services.shared.ids import new_uuid
from services.shared.timerange import NEVER

# Segments that the transaction of the restoration announces. It may restore many flows.
FIRST: Final = 200


def announce_first(tables: Tables, restored: Trashed, now: Moment) -> None:
    """Record flows/segments_added for the first segments of a restored flow."""
    flow = tables.flows.get(restored.flow_id)
    last_ns = None if flow is None else _announce(tables, flow, None, now, FIRST)
    if flow is None or last_ns is None or not tables.segments.first(flow.timeline, last_ns, 1):
        return
    tables.trash.put(
        Trashed(
            id=new_uuid(),
            operation=new_uuid(),
            number=0,
            kind=Kind.RESTORED,
            flow_id=flow.id,
            source_id=flow.source_id,
            timeline=new_timeline(),
            timerange=NEVER,
            deleted_by=restored.deleted_by,
            deleted_ms=restored.deleted_ms,
            purge_ms=now.ms,
            origin=flow.timeline,
            announced_ns=last_ns,
        )
    )


def announce_next(tables: Tables, entry: Trashed, now: Moment) -> bool:
    """Record the events of the next slice of an entry; True if there is more."""
    flow = tables.flows.get(entry.flow_id)
    # The flow may have been deleted meanwhile.
    is_same = flow is not None and flow.timeline == entry.origin
    last_ns = _announce(tables, flow, entry.announced_ns, now, SLICE) if flow and is_same else None
    if last_ns is None:
        tables.trash.delete(entry)
        return False
    tables.trash.put(replace(entry, announced_ns=last_ns))
    return True


def _announce(tables: Tables, flow: StoredFlow, after: int | None, now: Moment, limit: int) -> int | None:
    """Record the events of the segments after a start.

    Returns the start of the last one; None if there are no more segments, or no subscribers.
    """
    outbox = Outbox(tables, now)
    segments = tables.segments.first(flow.timeline, after, limit) if outbox.is_open else []
    if not segments:
        return None
    outbox.segments_added(flow, segments)
    return segments[-1].start_ns
