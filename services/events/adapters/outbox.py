"""The outbox of the metadata service, over gRPC."""

from collections.abc import Sequence, Set
from typing import Final

from grpc import aio
from tams.event.v1 import event_service_pb2, event_service_pb2_grpc, webhook_pb2

from services.events.adapters.messages import Messages, url_filter
from services.events.application.ports import OutboxChange, Page
from services.events.domain.subscriber import Batch, DeadLetter, Settled, Subscriber
from services.segment_documents.url_filter import UrlFilter
from services.shared.rpc.client import DEADLINE_SECONDS, call

_WAIT_MS: Final = 5000


class GrpcOutbox:
    """Implements the port Outbox for the lease owner `owner`; leases last `ttl_seconds`."""

    def __init__(
        self, channel: aio.Channel, messages: Messages, *, owner: str, ttl_seconds: int, max_webhooks: int
    ) -> None:
        self._stub = event_service_pb2_grpc.EventServiceStub(channel)
        self._messages = messages
        self._owner = owner
        self._ttl_seconds = ttl_seconds
        self._max_webhooks = max_webhooks
        self._filters: dict[str, UrlFilter] = {}

    async def lease(self) -> list[Subscriber]:
        """Take and renew leases; returns the subscribers that this process serves."""
        request = event_service_pb2.LeaseWebhooksRequest(
            owner=self._owner, ttl_seconds=self._ttl_seconds, max_webhooks=self._max_webhooks
        )
        leases = (await call(self._stub.LeaseWebhooks, request)).leases
        self._filters = {lease.webhook.id: url_filter(lease.webhook) for lease in leases}
        return [_subscriber(lease) for lease in leases]

    async def release(self) -> None:
        """Give up all leases."""
        await call(self._stub.ReleaseWebhooks, event_service_pb2.ReleaseWebhooksRequest(owner=self._owner))

    async def await_events(self, after: int) -> OutboxChange:
        """Wait up to 5 seconds for an event above an id, or a changed registration."""
        request = event_service_pb2.AwaitEventsRequest(after_id=after, wait_ms=_WAIT_MS)
        reply = await call(self._stub.AwaitEvents, request, timeout=DEADLINE_SECONDS + _WAIT_MS / 1000)
        return OutboxChange(reply.last_id, reply.registrations_changed)

    async def pull(self, subscriber: Subscriber, after: int, without: Set[str], page: Page) -> Batch:
        """The next messages of the subscriber above an id, without some keys."""
        return await self._pull(subscriber, page, without, after)

    async def pull_key(self, subscriber: Subscriber, after: int, key: str, page: Page) -> Batch:
        """The next messages of one key above an id."""
        return await self._pull(subscriber, page, frozenset(), after, key)

    async def _pull(
        self, subscriber: Subscriber, page: Page, without: Set[str], after: int, key: str = ""
    ) -> Batch:
        request = event_service_pb2.PullEventsRequest(
            owner=self._owner,
            webhook_id=subscriber.id,
            max_events=page.messages,
            max_bytes=page.size,
            after_id=after,
            key=key,
        )
        reply = await call(self._stub.PullEvents, request)
        events = [event for event in reply.events if event.key not in without]
        urls = self._filters.get(subscriber.id, UrlFilter())
        return Batch(await self._messages.write(events, urls), reply.seen_id)

    async def acknowledge(self, subscriber: Subscriber, settled: Settled, dead: Sequence[DeadLetter]) -> None:
        """Store what is settled, and the dead letters."""
        letters = [event_service_pb2.DeadLetter(**letter._asdict()) for letter in dead]
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
