"""Webhooks: registration, and the leases of those who deliver."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from services.metadata.application.bell import Bell, wait_for
from services.metadata.application.clock import Clock, moment
from services.metadata.application.ports import Store, Tables
from services.metadata.domain.event import Event
from services.metadata.domain.webhook import Lease, Webhook, check, passes
from services.shared.addresses import Addresses
from services.shared.errors import Exhausted, FailedPrecondition, InvalidArgument
from services.shared.ids import new_uuid

_MAX_WEBHOOKS: Final = 1000
# Of all registrations: they are listed and leased together.
_MAX_BYTES: Final = 8 * 1024 * 1024
_MAX_PULL: Final = 1000
_SCANNED: Final = 500
_MAX_WAIT_MS: Final = 30_000
# How long events of other processes on the same tables may stay unseen; ours ring.
_POLL_SECONDS: Final = 1.0
_MAX_BEHIND: Final = 1000


class DeadLetter(NamedTuple):
    """An event that could not be delivered."""

    event_id: int
    error: str
    attempts: int


class Pull(NamedTuple):
    """Events that a deliverer wants: after an id, of one flow or source if a key is given."""

    owner: str
    webhook_id: str
    after: int
    limit: int = 0
    wait_ms: int = 0
    key: str = ""


class Pulled(NamedTuple):
    """Events that pass a subscriber's filters; every event up to `seen` was looked at."""

    events: Sequence[Event]
    seen: int


class Webhooks:
    """Subscribers and the outbox."""

    def __init__(self, store: Store, clock: Clock, addresses: Addresses, bell: Bell) -> None:
        self._store = store
        self._bell = bell
        self._clock = clock
        self._addresses = addresses

    async def all(self) -> list[Webhook]:
        """Every registration, ascending by URL."""
        return await self._store.read(lambda tables: tables.webhooks.all())

    async def register(self, webhook: Webhook) -> Webhook | None:
        """Register or update by URL and key; None when it asked for no events and is removed."""
        check(webhook)
        if webhook.events:
            # What may be sent to can change; what was registered before can be removed all the same.
            self._addresses.check_url(webhook.url)

        def change(tables: Tables) -> Webhook | None:
            known = tables.webhooks.find(webhook.url, webhook.api_key_name, webhook.api_key_value)
            if not webhook.events:
                if known is not None:
                    tables.webhooks.remove(known.id)
                return None
            _check_room(webhook, [one for one in tables.webhooks.all() if one != known])
            stored = msgspec.structs.replace(webhook, id=known.id if known else new_uuid())
            tables.webhooks.put(stored, tables.events.last_id())
            return stored

        return await self._store.write(change)

    async def lease(self, owner: str, ttl_seconds: int, limit: int) -> list[Lease]:
        """Renew the owner's leases and take free ones, up to `limit` in all."""
        now = moment(self._clock).ms
        until = now + 1000 * min(max(ttl_seconds, 1), 300)
        return await self._store.write(lambda tables: tables.webhooks.lease(owner, now, until, limit))

    async def release(self, owner: str) -> None:
        """End the owner's leases."""
        await self._store.write(lambda tables: tables.webhooks.release(owner))

    async def pull(self, wanted: Pull) -> Pulled:
        """Events for a subscriber; waits for the first."""
        loop = asyncio.get_running_loop()
        end = loop.time() + min(max(wanted.wait_ms, 0), _MAX_WAIT_MS) / 1000
        while True:
            ring = self._bell.next()
            pulled = await self._store.read(lambda tables: self._pull(tables, wanted))
            left = end - loop.time()
            if pulled.events or pulled.seen > wanted.after or left <= 0:
                return pulled
            await wait_for(ring, min(left, _POLL_SECONDS))

    def _pull(self, tables: Tables, wanted: Pull) -> Pulled:
        lease = self._held(tables, wanted.owner, wanted.webhook_id)
        # What is settled leaves out what lags, which is asked for by its key.
        after = wanted.after if wanted.key else max(wanted.after, lease.settled)
        size = min(wanted.limit, _MAX_PULL) if wanted.limit > 0 else 100
        scanned = tables.events.after(after, _SCANNED)
        passing = [
            event for event in scanned if wanted.key in ("", event.key) and passes(lease.webhook, event)
        ]
        if len(passing) > size:
            return Pulled(passing[:size], passing[size - 1].id)
        return Pulled(passing, scanned[-1].id if scanned else after)

    async def acknowledge(
        self,
        owner: str,
        webhook_id: str,
        settled: int,
        behind: Mapping[str, int],
        dead_letters: Sequence[DeadLetter],
    ) -> None:
        """Settle a subscriber's events up to an id, but for flows that lag; some events were given up."""
        if len(behind) > _MAX_BEHIND:
            raise InvalidArgument(f"more than {_MAX_BEHIND} flows lag", reason="TOO_MANY_BEHIND")
        now = moment(self._clock).ms

        def change(tables: Tables) -> None:
            self._held(tables, owner, webhook_id)
            for dead in dead_letters:
                tables.webhooks.give_up(webhook_id, dead.event_id, dead.error, dead.attempts, now)
            tables.webhooks.settle(webhook_id, settled, behind)

        await self._store.write(change)

    def _held(self, tables: Tables, owner: str, webhook_id: str) -> Lease:
        lease = tables.webhooks.held(webhook_id, owner, moment(self._clock).ms)
        if lease is None:
            raise FailedPrecondition("another deliverer serves this subscriber", reason="LEASE_LOST")
        return lease


def _check_room(webhook: Webhook, others: Sequence[Webhook]) -> None:
    if len(others) >= _MAX_WEBHOOKS:
        raise Exhausted(f"at most {_MAX_WEBHOOKS} webhooks", reason="TOO_MANY_WEBHOOKS")
    if webhook.weight + sum(other.weight for other in others) > _MAX_BYTES:
        raise Exhausted(f"at most {_MAX_BYTES} bytes of webhooks in all", reason="TOO_MANY_WEBHOOKS")
