"""Leases webhooks to processes that deliver events, hands out the events, and records the results."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from services.metadata.application.clock import Clock, moment
from services.metadata.application.pages import PAGE_BYTES, count_fitting
from services.metadata.application.ports import Store, Tables
from services.metadata.application.webhooks.commit_signal import CommitSignal, wait_for
from services.metadata.application.webhooks.owners import owner_of
from services.metadata.application.webhooks.seeing import seen_events
from services.metadata.application.webhooks.webhooks import MAX_WEBHOOKS, Webhooks
from services.metadata.domain.webhooks.delivery import (
    DeadLetter,
    Pull,
    check_acknowledgement,
    check_not_negative,
    check_owner,
    check_positive,
)
from services.metadata.domain.webhooks.event import Event
from services.metadata.domain.webhooks.webhook import Lease, Webhook, passes
from services.shared.errors import FailedPrecondition

_DEFAULT_PULL: Final = 100
_MAX_PULL: Final = 1000
# Events that one pull reads. Few events pass narrow filters. Small pulls read less.
_READ_LIMIT: Final = 500
_READ_LIMIT_SMALL: Final = 50
_SMALL_PULL: Final = 10
_MAX_WAIT_MS: Final = 30_000
# Seconds between two looks for events of other processes. The signal announces those of this process.
_POLL_SECONDS: Final = 1.0
_MAX_LEASE_SECONDS: Final = 300
# Characters of the error of a dead letter that are stored.
_MAX_ERROR: Final = 1000


class Pulled(NamedTuple):
    """Events that pass a webhook's filters. All events up to the id `seen` were compared with them."""

    events: Sequence[Event]
    seen: int


class News(NamedTuple):
    """The highest id of an event, and True if a registration changed during the call."""

    last_id: int
    registrations_changed: bool


class Deliveries:
    """The leases of webhooks, and the events in the outbox.

    Leases are stored with a margin: for `lease_margin_seconds` longer than requested. While they last long
    enough, a renewal writes nothing. The margin of an owner that no longer calls is cancelled.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        committed: CommitSignal,
        webhooks: Webhooks,
        *,
        lease_margin_seconds: int = 0,
    ) -> None:
        self._store = store
        self._clock = clock
        self._committed = committed
        self._webhooks = webhooks
        self._margin_ms = 1000 * lease_margin_seconds
        # The end of the leases that each owner requested here, in milliseconds since 1970.
        self._requested_ends: dict[str, int] = {}

    async def lease(self, owner: str, ttl_seconds: int, limit: int) -> list[Lease]:
        """Renew the owner's leases and add free ones, up to `limit` in all.

        InvalidArgument BAD_OWNER or OUT_OF_RANGE.
        """
        check_owner(owner)
        check_positive("ttl_seconds", ttl_seconds)
        check_positive("max_webhooks", limit)
        now, limit = moment(self._clock).ms, min(limit, MAX_WEBHOOKS)
        until = now + 1000 * min(ttl_seconds, _MAX_LEASE_SECONDS)
        silent_owners = self._note_request(owner, now, until)
        if not silent_owners:
            leases = await self._store.read(
                lambda tables: _unchanged_leases(tables, owner, now, until, limit)
            )
            if leases is not None:
                return leases

        def change(tables: Tables) -> list[Lease]:
            for silent_owner in silent_owners:
                tables.webhooks.release(silent_owner)
            return tables.webhooks.lease(owner, now, until + self._margin_ms, limit)

        return await self._store.write(change)

    def _note_request(self, owner: str, now: int, until: int) -> list[str]:
        """Note the end of the leases that the owner requests; returns other owners whose end has passed."""
        if not self._margin_ms:
            return []
        silent = [other for other, end in self._requested_ends.items() if end <= now and other != owner]
        for other in silent:
            del self._requested_ends[other]
        self._requested_ends[owner] = until
        return silent

    async def news(self, after: int, wait_ms: int) -> News:
        """Wait for an event with an id above `after`, or for this process to change a registration.

        Waits `wait_ms` milliseconds, or 30 seconds if that is shorter. InvalidArgument OUT_OF_RANGE.
        """
        check_not_negative("after_id", after)
        check_not_negative("wait_ms", wait_ms)
        loop, changes_before = asyncio.get_running_loop(), self._webhooks.changes
        end = loop.time() + min(wait_ms, _MAX_WAIT_MS) / 1000
        while True:
            commit = self._committed.next()
            last = await self._store.read(lambda tables: tables.events.last_id())
            seconds_left = end - loop.time()
            has_changed = self._webhooks.changes != changes_before
            if last > after or has_changed or seconds_left <= 0:
                return News(last, has_changed)
            await wait_for(commit, min(seconds_left, _POLL_SECONDS))

    async def release(self, owner: str) -> None:
        """End the owner's leases. InvalidArgument BAD_OWNER."""
        check_owner(owner)
        await self._store.write(lambda tables: tables.webhooks.release(owner))

    async def pull(self, request: Pull) -> Pulled:
        """Events for a webhook; waits for the first one.

        FailedPrecondition LEASE_LOST if the owner has no lease, and the errors of Pull.check.
        """
        request.check()
        loop = asyncio.get_running_loop()
        end = loop.time() + min(request.wait_ms, _MAX_WAIT_MS) / 1000
        while True:
            commit = self._committed.next()
            pulled = await self._store.read(lambda tables: self._pull(tables, request))
            seconds_left = end - loop.time()
            if pulled.events or pulled.seen > request.after or seconds_left <= 0:
                return pulled
            await wait_for(commit, min(seconds_left, _POLL_SECONDS))

    def _pull(self, tables: Tables, request: Pull) -> Pulled:
        lease = self._require_lease(tables, request.owner, request.webhook_id)
        # Settled events need not be read again, except those of a key that lags.
        after = request.after if request.key else max(request.after, lease.settled)
        size = min(request.limit, _MAX_PULL) or _DEFAULT_PULL
        is_small = size <= _SMALL_PULL and not request.key
        events = tables.events.after(after, _READ_LIMIT_SMALL if is_small else _READ_LIMIT)
        passing = self._visible(
            tables,
            lease.webhook,
            [event for event in events if request.key in ("", event.key) and passes(lease.webhook, event)],
        )
        max_bytes = min(request.max_bytes or PAGE_BYTES, PAGE_BYTES)
        size = min(size, count_fitting(passing, lambda event: event.weight, max_bytes))
        if len(passing) > size:
            return Pulled(passing[:size], passing[size - 1].id)
        return Pulled(passing, events[-1].id if events else after)

    def _visible(self, tables: Tables, webhook: Webhook, events: Sequence[Event]) -> Sequence[Event]:
        """Those of the events that the owner of a webhook may see now, as the owner sees them."""
        if not events:
            return events
        owner = owner_of(tables, webhook, moment(self._clock).ms)
        if owner is None:
            return []
        if owner.classes is None:
            return events
        # Filters by links compare only those that the owner sees.
        return [event for event in seen_events(tables, events, owner.classes) if passes(webhook, event)]

    async def acknowledge(
        self,
        owner: str,
        webhook_id: str,
        settled: int,
        behind: Mapping[str, int],
        dead_letters: Sequence[DeadLetter],
    ) -> None:
        """Settle a webhook's events up to the id `settled`, and store its dead letters.

        `behind` has the flows and sources that lag, each with the id up to which its events are settled.
        FailedPrecondition LEASE_LOST if the owner has no lease, and the errors of `check_acknowledgement`.
        """
        check_acknowledgement(owner, webhook_id, settled, behind, dead_letters)
        now = moment(self._clock).ms

        def change(tables: Tables) -> None:
            self._require_lease(tables, owner, webhook_id)
            for letter in dead_letters:
                error = letter.error[:_MAX_ERROR]
                tables.webhooks.give_up(webhook_id, letter.event_id, error, letter.attempts, now)
            tables.webhooks.settle(webhook_id, settled, behind)

        await self._store.write(change)

    def _require_lease(self, tables: Tables, owner: str, webhook_id: str) -> Lease:
        lease = tables.webhooks.lease_of(webhook_id, owner, moment(self._clock).ms)
        if lease is None:
            raise FailedPrecondition("another process serves this webhook", reason="LEASE_LOST")
        return lease


def _unchanged_leases(tables: Tables, owner: str, now: int, until: int, limit: int) -> list[Lease] | None:
    return tables.webhooks.unchanged_leases(owner, now, until, limit) if tables.webhooks.has_any() else []
