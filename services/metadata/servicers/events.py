"""EventService: the outbox."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from tams.event.v1 import event_pb2, event_service_pb2, event_service_pb2_grpc

from services.metadata.application.webhooks.deliveries import Deliveries
from services.metadata.domain.segments.lines import SegmentLines
from services.metadata.domain.webhooks import event as events
from services.metadata.domain.webhooks.delivery import DeadLetter, Pull
from services.metadata.domain.webhooks.event import Event
from services.metadata.domain.webhooks.webhook import Lease
from services.metadata.servicers import webhooks as webhook_messages
from services.metadata.servicers.convert import Fields
from services.metadata.servicers.segments import lines_message
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration
from services.shared.rpc.timeranges import to_message
from services.shared.timerange import NEVER, TimeRange


class EventServicer(event_service_pb2_grpc.EventServiceServicer):
    """Translates between messages and Deliveries."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    async def LeaseWebhooks(
        self, request: event_service_pb2.LeaseWebhooksRequest, context: Context
    ) -> event_service_pb2.LeaseWebhooksResponse:
        """Renew leases of webhooks and take free ones."""
        leases = await self._deliveries.lease(request.owner, request.ttl_seconds, request.max_webhooks)
        return event_service_pb2.LeaseWebhooksResponse(leases=map(_lease, leases))

    async def ReleaseWebhooks(
        self, request: event_service_pb2.ReleaseWebhooksRequest, context: Context
    ) -> event_service_pb2.ReleaseWebhooksResponse:
        """End leases."""
        await self._deliveries.release(request.owner)
        return event_service_pb2.ReleaseWebhooksResponse()

    async def AwaitEvents(
        self, request: event_service_pb2.AwaitEventsRequest, context: Context
    ) -> event_service_pb2.AwaitEventsResponse:
        """Wait for events or changed registrations."""
        news = await self._deliveries.news(request.after_id, request.wait_ms)
        return event_service_pb2.AwaitEventsResponse(
            last_id=news.last_id, registrations_changed=news.registrations_changed
        )

    async def PullEvents(
        self, request: event_service_pb2.PullEventsRequest, context: Context
    ) -> event_service_pb2.PullEventsResponse:
        """Return events for a webhook."""
        pull = Pull(
            request.owner,
            request.webhook_id,
            request.after_id,
            request.max_events,
            request.wait_ms,
            request.key,
            request.max_bytes,
        )
        pulled = await self._deliveries.pull(pull)
        return event_service_pb2.PullEventsResponse(events=map(_message, pulled.events), seen_id=pulled.seen)

    async def AcknowledgeEvents(
        self, request: event_service_pb2.AcknowledgeEventsRequest, context: Context
    ) -> event_service_pb2.AcknowledgeEventsResponse:
        """Settle events of a webhook."""
        dead_letters = [
            DeadLetter(letter.event_id, letter.error, letter.attempts) for letter in request.dead_letters
        ]
        await self._deliveries.acknowledge(
            request.owner, request.webhook_id, request.settled_id, dict(request.behind), dead_letters
        )
        return event_service_pb2.AcknowledgeEventsResponse()


def registration(deliveries: Deliveries) -> Registration:
    """The EventService for a server."""
    add = event_service_pb2_grpc.add_EventServiceServicer_to_server
    return (
        event_service_pb2.DESCRIPTOR.services_by_name["EventService"],
        partial(add, EventServicer(deliveries)),
    )


def _lease(lease: Lease) -> event_service_pb2.WebhookLease:
    return event_service_pb2.WebhookLease(
        webhook=webhook_messages.message(lease.webhook),
        api_key_value=lease.webhook.api_key_value,
        settled_id=lease.settled,
        behind=lease.behind,
    )


def _message(event: Event) -> event_pb2.Event:
    change = _CHANGES[event.type](event)
    message = event_pb2.Event(id=event.id, key=event.key, traceparent=event.traceparent, **change)
    message.time.FromNanoseconds(event.time_ns)
    return message


def _added(event: Event) -> Fields:
    segments = lines_message(SegmentLines.of(event.segments))
    return {"segments_added": event_pb2.SegmentsAdded(flow_id=event.flow_id or "", segments=segments)}


def _deleted(event: Event) -> Fields:
    span = TimeRange(*event.span) if event.span else NEVER
    deleted = event_pb2.SegmentsDeleted(flow_id=event.flow_id or "", timerange=to_message(span))
    return {"segments_deleted": deleted}


_CHANGES: Final[Mapping[str, Callable[[Event], Fields]]] = {
    events.FLOW_CREATED: lambda e: {"flow_created": event_pb2.FlowCreated(document=e.document)},
    events.FLOW_UPDATED: lambda e: {"flow_updated": event_pb2.FlowUpdated(document=e.document)},
    events.FLOW_DELETED: lambda e: {"flow_deleted": event_pb2.FlowDeleted(flow_id=e.flow_id or "")},
    events.SEGMENTS_ADDED: _added,
    events.SEGMENTS_DELETED: _deleted,
    events.SOURCE_CREATED: lambda e: {"source_created": event_pb2.SourceCreated(document=e.document)},
    events.SOURCE_UPDATED: lambda e: {"source_updated": event_pb2.SourceUpdated(document=e.document)},
    events.SOURCE_DELETED: lambda e: {"source_deleted": event_pb2.SourceDeleted(source_id=e.source_id)},
}
