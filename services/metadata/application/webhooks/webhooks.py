"""Webhooks: listing, registration, removal."""

from collections.abc import Sequence
from typing import Final

import msgspec

from services.metadata.application.audit.recording import record
from services.metadata.application.clock import Clock, authored_moment, utc_now
from services.metadata.application.ports import Store, Tables
from services.metadata.application.webhooks.commit_signal import CommitSignal
from services.metadata.domain.audit import Facts
from services.metadata.domain.webhooks.webhook import Webhook, check, normalise
from services.shared.addresses import Addresses
from services.shared.errors import Exhausted
from services.shared.ids import new_uuid

MAX_WEBHOOKS: Final = 1000
# The limit of all registrations together, because they are listed and leased together.
_MAX_BYTES: Final = 8 * 1024 * 1024


class Webhooks:
    """The registrations of webhooks. Their URLs may lead to `addresses` only."""

    def __init__(
        self, store: Store, addresses: Addresses, committed: CommitSignal, clock: Clock = utc_now
    ) -> None:
        self._store = store
        self._clock = clock
        self._addresses = addresses
        self._committed = committed
        # The number of registrations that this process changed.
        self.changes = 0

    async def all(self) -> list[Webhook]:
        """All registrations, ascending by URL."""
        return list(map(normalise, await self._store.read(lambda tables: tables.webhooks.all())))

    async def register(self, webhook: Webhook) -> Webhook | None:
        """Create or update the registration of the URL with this key; returns it with its id.

        A registration without events is removed, and None returned. InvalidArgument BAD_WEBHOOK, Exhausted
        TOO_MANY_WEBHOOKS.
        """
        original_url, webhook = webhook.url, normalise(webhook)
        check(webhook)
        if webhook.events:
            # A removal is not checked: the allowed addresses may have changed since the registration.
            self._addresses.check_url(webhook.url)
        now = authored_moment(self._clock)

        def change(tables: Tables) -> Webhook | None:
            key = webhook.api_key_name, webhook.api_key_value
            # Older versions stored the URL as it was posted.
            existing = tables.webhooks.find(webhook.url, *key) or tables.webhooks.find(original_url, *key)
            if not webhook.events:
                if existing is not None:
                    tables.webhooks.remove(existing.id)
                    record(tables, now, "webhooks.delete", f"webhook:{existing.id}")
                return None
            _check_limits(webhook, [other for other in tables.webhooks.all() if other != existing])
            stored = msgspec.structs.replace(webhook, id=existing.id if existing else new_uuid())
            tables.webhooks.put(stored, tables.events.last_id())
            facts: Facts = {"created": existing is None, "events": sorted(stored.events)}
            record(tables, now, "webhooks.put", f"webhook:{stored.id}", facts)
            return stored

        stored = await self._store.write(change)
        self.changes += 1
        self._committed.set()
        return stored


def _check_limits(webhook: Webhook, others: Sequence[Webhook]) -> None:
    if len(others) >= MAX_WEBHOOKS:
        raise Exhausted(f"at most {MAX_WEBHOOKS} webhooks", reason="TOO_MANY_WEBHOOKS")
    if webhook.weight + sum(other.weight for other in others) > _MAX_BYTES:
        raise Exhausted(f"at most {_MAX_BYTES} bytes of webhooks in all", reason="TOO_MANY_WEBHOOKS")
