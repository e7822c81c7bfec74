"""EventService: the outbox."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from tams.event.v1 import event_pb2, event_service_pb2, event_service_pb2_grpc

from services.metadata.application.webhooks import DeadLetter, Pull, Webhooks
from services.metadata.domain import event as kinds
from services.metadata.domain.event import Event
from services.metadata.domain.webhook import Lease
from services.metadata.servicers import webhooks as webhook_messages
from services.metadata.servicers.segments import add_stored
from services.shared.rpc.server import Registration
from services.shared.rpc.timeranges import to_message
from services.shared.timerange import NEVER, TimeRange


class EventServicer(event_service_pb2_grpc.EventServiceServicer):
    """Translates between messages and Webhooks' outbox."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    async def LeaseWebhooks(
        self, request: event_service_pb2.LeaseWebhooksRequest, context: Any
    ) -> event_service_pb2.LeaseWebhooksResponse:
        """Subscribers to serve."""
        leases = await self._webhooks.lease(request.owner, request.ttl_seconds, request.max_webhooks)
        return event_service_pb2.LeaseWebhooksResponse(leases=map(_lease, leases))

    async def ReleaseWebhooks(
        self, request: event_service_pb2.ReleaseWebhooksRequest, context: Any
    ) -> event_service_pb2.ReleaseWebhooksResponse:
        """Give up leases."""
        await self._webhooks.release(request.owner)
        return event_service_pb2.ReleaseWebhooksResponse()

    async def PullEvents(
        self, request: event_service_pb2.PullEventsRequest, context: Any
    ) -> event_service_pb2.PullEventsResponse:
        """Events for one subscriber."""
        wanted = Pull(
            request.owner,
            request.webhook_id,
            request.after_id,
            request.max_events,
            request.wait_ms,
            request.key,
        )
        pulled = await self._webhooks.pull(wanted)
        return event_service_pb2.PullEventsResponse(events=map(_message, pulled.events), seen_id=pulled.seen)

    async def AcknowledgeEvents(
        self, request: event_service_pb2.AcknowledgeEventsRequest, context: Any
    ) -> event_service_pb2.AcknowledgeEventsResponse:
        """Settle events."""
        dead = [DeadLetter(one.event_id, one.error, one.attempts) for one in request.dead_letters]
        await self._webhooks.acknowledge(
            request.owner, request.webhook_id, request.settled_id, dict(request.behind), dead
        )
        return event_service_pb2.AcknowledgeEventsResponse()


def registration(webhooks: Webhooks) -> Registration:
    """The service for a server."""
    add = event_service_pb2_grpc.add_EventServiceServicer_to_server
    return (
        event_service_pb2.DESCRIPTOR.services_by_name["EventService"],
        partial(add, EventServicer(webhooks)),
    )


def _lease(lease: Lease) -> event_service_pb2.WebhookLease:
    return event_service_pb2.WebhookLease(
        webhook=webhook_messages.message(lease.webhook),
        api_key_value=lease.webhook.api_key_value,
        settled_id=lease.settled,
        behind=lease.behind,
    )


def _message(event: Event) -> event_pb2.Event:
    message = event_pb2.Event(id=event.id, **_CHANGES[event.type](event))
    message.time.FromNanoseconds(event.time_ns)
    return message


def _added(event: Event) -> Mapping[str, Any]:
    added = event_pb2.SegmentsAdded(flow_id=event.flow_id or "")
    add_stored(added.segments, event.segments)
    return {"segments_added": added}


def _deleted(event: Event) -> Mapping[str, Any]:
    span = TimeRange(*event.span) if event.span else NEVER
    deleted = event_pb2.SegmentsDeleted(flow_id=event.flow_id or "", timerange=to_message(span))
    return {"segments_deleted": deleted}


_CHANGES: Final[Mapping[str, Callable[[Event], Mapping[str, Any]]]] = {
    kinds.FLOW_CREATED: lambda e: {"flow_created": event_pb2.FlowCreated(document=e.document)},
    kinds.FLOW_UPDATED: lambda e: {"flow_updated": event_pb2.FlowUpdated(document=e.document)},
    kinds.FLOW_DELETED: lambda e: {"flow_deleted": event_pb2.FlowDeleted(flow_id=e.flow_id or "")},
    kinds.SEGMENTS_ADDED: _added,
    kinds.SEGMENTS_DELETED: _deleted,
    kinds.SOURCE_CREATED: lambda e: {"source_created": event_pb2.SourceCreated(document=e.document)},
    kinds.SOURCE_UPDATED: lambda e: {"source_updated": event_pb2.SourceUpdated(document=e.document)},
    kinds.SOURCE_DELETED: lambda e: {"source_deleted": event_pb2.SourceDeleted(source_id=e.source_id)},
}
