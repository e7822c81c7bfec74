"""The outbox of the metadata service, by gRPC."""

from collections.abc import Sequence, Set
from typing import Final

from grpc import aio
from tams.event.v1 import event_service_pb2, webhook_pb2
from tams.event.v1.event_service_pb2_grpc import EventServiceStub

from services.events.adapters.messages import Messages, key_of, url_filter
from services.events.domain.subscriber import Batch, DeadLetter, Settled, Subscriber
from services.shared.get_urls import UrlFilter
from services.shared.rpc.client import DEADLINE_SECONDS, call

_WAIT_MS: Final = 5000
# Of a flow that lags. Small, since many may lag and each keeps its messages in memory.
_FEW: Final = 10


class GrpcOutbox:
    """Leases, pulls and acknowledges as one deliverer."""

    def __init__(
        self, channel: aio.Channel, messages: Messages, *, owner: str, ttl_seconds: int, max_webhooks: int
    ) -> None:
        self._stub = EventServiceStub(channel)
        self._messages = messages
        self._owner = owner
        self._ttl_seconds = ttl_seconds
        self._max_webhooks = max_webhooks
        self._filters: dict[str, UrlFilter] = {}

    async def lease(self) -> list[Subscriber]:
        """The subscribers this deliverer serves."""
        request = event_service_pb2.LeaseWebhooksRequest(
            owner=self._owner, ttl_seconds=self._ttl_seconds, max_webhooks=self._max_webhooks
        )
        leases = (await call(self._stub.LeaseWebhooks, request)).leases
        self._filters = {lease.webhook.id: url_filter(lease.webhook) for lease in leases}
        return [_subscriber(lease) for lease in leases]

    async def release(self) -> None:
        """Give up all leases."""
        await call(self._stub.ReleaseWebhooks, event_service_pb2.ReleaseWebhooksRequest(owner=self._owner))

    async def pull(self, subscriber: Subscriber, after: int, without: Set[str]) -> Batch:
        """The subscriber's next messages, without those of some keys."""
        request = event_service_pb2.PullEventsRequest(
            owner=self._owner, webhook_id=subscriber.id, after_id=after, wait_ms=_WAIT_MS
        )
        return await self._pull(request, without)

    async def pull_key(self, subscriber: Subscriber, after: int, key: str) -> Batch:
        """The next few messages of one key."""
        request = event_service_pb2.PullEventsRequest(
            owner=self._owner, webhook_id=subscriber.id, after_id=after, max_events=_FEW, key=key
        )
        return await self._pull(request, frozenset())

    async def _pull(self, request: event_service_pb2.PullEventsRequest, without: Set[str]) -> Batch:
        reply = await call(self._stub.PullEvents, request, timeout=DEADLINE_SECONDS + _WAIT_MS / 1000)
        wanted = self._filters.get(request.webhook_id, UrlFilter())
        events = [event for event in reply.events if key_of(event) not in without]
        return Batch(await self._messages.write(events, wanted), reply.seen_id)

    async def acknowledge(self, subscriber: Subscriber, settled: Settled, dead: Sequence[DeadLetter]) -> None:
        """Store what is settled."""
        letters = [event_service_pb2.DeadLetter(**one._asdict()) for one in dead]
        request = event_service_pb2.AcknowledgeEventsRequest(
            owner=self._owner,
            webhook_id=subscriber.id,
            settled_id=settled.through,
            behind=settled.behind,
            dead_letters=letters,
        )
        await call(self._stub.AcknowledgeEvents, request)


def _subscriber(lease: event_service_pb2.WebhookLease) -> Subscriber:
    webhook: webhook_pb2.Webhook = lease.webhook
    key = {webhook.api_key_name: lease.api_key_value} if webhook.api_key_name else {}
    return Subscriber(webhook.id, webhook.url, key, Settled(lease.settled_id, dict(lease.behind)))
