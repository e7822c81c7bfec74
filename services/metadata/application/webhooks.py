"""Webhooks: registration, and the leases of those who deliver."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from services.metadata.application.clock import Clock, moment
from services.metadata.application.ports import Store, Tables
from services.metadata.domain.event import Event
from services.metadata.domain.webhook import Lease, Webhook, check, passes
from services.shared.addresses import Addresses
from services.shared.errors import Exhausted, FailedPrecondition
from services.shared.ids import new_uuid

_MAX_WEBHOOKS: Final = 1000
_MAX_PULL: Final = 1000
_SCANNED: Final = 500
_MAX_WAIT_MS: Final = 30_000
_POLL_SECONDS: Final = 0.05


class DeadLetter(NamedTuple):
    """An event that could not be delivered."""

    event_id: int
    error: str
    attempts: int


class Pulled(NamedTuple):
    """Events that pass a subscriber's filters; every event up to `seen` was looked at."""

    events: Sequence[Event]
    seen: int


class Webhooks:
    """Subscribers and the outbox."""

    def __init__(self, store: Store, clock: Clock, addresses: Addresses) -> None:
        self._store = store
        self._clock = clock
        self._addresses = addresses

    async def all(self) -> list[Webhook]:
        """Every registration, ascending by URL."""
        return await self._store.read(lambda tables: tables.webhooks.all())

    async def register(self, webhook: Webhook) -> Webhook | None:
        """Register or update by URL and key; None when it asked for no events and is removed."""
        check(webhook)
        self._addresses.check_url(webhook.url)

        def change(tables: Tables) -> Webhook | None:
            known = tables.webhooks.find(webhook.url, webhook.api_key_name, webhook.api_key_value)
            if not webhook.events:
                if known is not None:
                    tables.webhooks.remove(known.id)
                return None
            if known is None and len(tables.webhooks.all()) >= _MAX_WEBHOOKS:
                raise Exhausted(f"at most {_MAX_WEBHOOKS} webhooks", reason="TOO_MANY_WEBHOOKS")
            stored = msgspec.structs.replace(webhook, id=known.id if known else new_uuid())
            tables.webhooks.put(stored, tables.events.last_id())
            return stored

        return await self._store.write(change)

    async def lease(self, owner: str, ttl_seconds: int, limit: int) -> list[Lease]:
        """Renew the owner's leases and take free ones, up to `limit` in all."""
        now = moment(self._clock).ms
        until = now + 1000 * min(max(ttl_seconds, 1), 300)
        return await self._store.write(lambda tables: tables.webhooks.lease(owner, now, until, limit))

    async def pull(self, owner: str, webhook_id: str, after: int, limit: int, wait_ms: int) -> Pulled:
        """Events for a subscriber after an id; waits for the first."""
        loop = asyncio.get_running_loop()
        end = loop.time() + min(max(wait_ms, 0), _MAX_WAIT_MS) / 1000
        size = min(limit, _MAX_PULL) if limit > 0 else 100
        while True:
            pulled = await self._store.read(lambda tables: self._pull(tables, owner, webhook_id, after, size))
            if pulled.events or pulled.seen > after or loop.time() >= end:
                return pulled
            await asyncio.sleep(_POLL_SECONDS)

    def _pull(self, tables: Tables, owner: str, webhook_id: str, after: int, size: int) -> Pulled:
        lease = self._held(tables, owner, webhook_id)
        scanned = tables.events.after(max(after, lease.settled), _SCANNED)
        passing = [event for event in scanned if passes(lease.webhook, event)]
        if len(passing) > size:
            return Pulled(passing[:size], passing[size - 1].id)
        return Pulled(passing, scanned[-1].id if scanned else after)

    async def acknowledge(
        self, owner: str, webhook_id: str, settled: int, dead_letters: Sequence[DeadLetter]
    ) -> None:
        """Settle a subscriber's events up to an id; some of them were given up."""
        now = moment(self._clock).ms

        def change(tables: Tables) -> None:
            self._held(tables, owner, webhook_id)
            for dead in dead_letters:
                tables.webhooks.give_up(webhook_id, dead.event_id, dead.error, dead.attempts, now)
            tables.webhooks.settle(webhook_id, settled)

        await self._store.write(change)

    def _held(self, tables: Tables, owner: str, webhook_id: str) -> Lease:
        lease = tables.webhooks.held(webhook_id, owner, moment(self._clock).ms)
        if lease is None:
            raise FailedPrecondition("another deliverer serves this subscriber", reason="LEASE_LOST")
        return lease
