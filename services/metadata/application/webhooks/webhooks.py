"""Webhooks: listing, registration, removal."""

from collections.abc import Sequence
from typing import Final

import msgspec

from services.metadata.application.audit.recording import record
from services.metadata.application.clock import Clock, authored_moment, utc_now
from services.metadata.application.ports import Store, Tables
from services.metadata.application.webhooks.commit_signal import CommitSignal
from services.metadata.application.webhooks.owners import is_for_all
from services.metadata.domain.audit import Facts
from services.metadata.domain.webhooks.webhook import Webhook, check, normalise
from services.shared.access import caller
from services.shared.addresses import Addresses
from services.shared.errors import Exhausted, PermissionDenied
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
        """The caller's registrations, ascending by URL; those of all owners for administrators."""
        principal = caller.principal.get()
        owner = None if is_for_all(principal) else principal.name
        return list(map(normalise, await self._store.read(lambda tables: tables.webhooks.all(owner))))

    async def register(self, webhook: Webhook) -> Webhook | None:
        """Create or update the caller's registration of the URL with this key; returns it with its id.

        A registration without events is removed, and None returned; an administrator removes those of all
        owners. InvalidArgument BAD_WEBHOOK, Exhausted TOO_MANY_WEBHOOKS, PermissionDenied OUTSIDE_TOKEN for a
        caller with a token for URLs.
        """
        principal = caller.principal.get()
        if principal.limit is not None:
            # It would go on after the token has expired.
            raise PermissionDenied("a token for URLs registers no webhooks", reason="OUTSIDE_TOKEN")
        owned = msgspec.structs.replace(webhook, created_by=principal.name, classes=principal.classes)
        original_url, webhook = webhook.url, normalise(owned)
        check(webhook)
        if webhook.events:
            # A removal is not checked: the allowed addresses may have changed since the registration.
            self._addresses.check_url(webhook.url)
        now = authored_moment(self._clock)

        def change(tables: Tables) -> Webhook | None:
            found = _equal(tables, webhook, original_url)
            own = [other for other in found if other.created_by == principal.name]
            if not webhook.events:
                for other in found if is_for_all(principal) else own:
                    tables.webhooks.remove(other.id)
                    record(tables, now, "webhooks.delete", f"webhook:{other.id}")
                return None
            existing = own[0] if own else None
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


def _equal(tables: Tables, webhook: Webhook, original_url: str) -> list[Webhook]:
    """The registrations of all owners with the URL and key of a webhook."""
    key = webhook.api_key_name, webhook.api_key_value
    # Older versions stored the URL as it was posted.
    urls = dict.fromkeys((webhook.url, original_url))
    return [found for url in urls for found in tables.webhooks.find(url, *key)]


def _check_limits(webhook: Webhook, others: Sequence[Webhook]) -> None:
    if len(others) >= MAX_WEBHOOKS:
        raise Exhausted(f"at most {MAX_WEBHOOKS} webhooks", reason="TOO_MANY_WEBHOOKS")
    if webhook.weight + sum(other.weight for other in others) > _MAX_BYTES:
        raise Exhausted(f"at most {_MAX_BYTES} bytes of webhooks in all", reason="TOO_MANY_WEBHOOKS")
