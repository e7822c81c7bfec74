"""The tables of webhooks and of dead letters. Webhooks are few, so that table is read as a whole."""

from collections.abc import Mapping
from typing import Final

import msgspec

from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.reading.view import View
from services.metadata.domain.webhooks.webhook import Lease, Webhook
from services.vast_client.filters.filters import EVERYTHING, Equal

_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Webhook).decode
_BEHIND: Final = msgspec.msgpack.Decoder(dict[str, int]).decode


class VastWebhooks:
    """Webhooks by id, with their leases and dead letters."""

    def __init__(self, view: View) -> None:
        self._view = view

    def has_any(self) -> bool:
        """True if there is a webhook."""
        return bool(self._view.standing("webhooks", EVERYTHING, ("id",)))

    def all(self, created_by: str | None = None) -> list[Webhook]:
        """All registrations, ascending by URL; those of one owner if it is given."""
        where = EVERYTHING if created_by is None else Equal("created_by", created_by)
        rows = self._view.select("webhooks", where)
        rows.sort(key=lambda row: (row["url"], row["id"]))
        return [_DECODE(row["body"]) for row in rows]

    def find(self, url: str, api_key_name: str, api_key_value: str) -> list[Webhook]:
        """The registrations of the URL with the key; each has another owner."""
        wanted = (url, api_key_name, api_key_value)
        rows = [
            row for row in self._rows() if (row["url"], row["api_key_name"], row["api_key_value"]) == wanted
        ]
        return [_DECODE(row["body"]) for row in sorted(rows, key=lambda row: str(row["id"]))]

    def put(self, webhook: Webhook, settled: int) -> None:
        """Store a registration. If it is new, its events up to the id `settled` count as settled."""
        known = self._view.row("webhooks", "id", webhook.id)
        if known is not None:
            self._view.update("webhooks", known, body=_ENCODE(webhook))
            return
        self._view.lock("webhooks", webhook.url)
        self._view.insert(
            "webhooks", id=webhook.id, url=webhook.url, api_key_name=webhook.api_key_name,
            api_key_value=webhook.api_key_value, body=_ENCODE(webhook), settled=settled,
            behind=None, lease_owner="", lease_until_ms=0, created_by=webhook.created_by,
        )  # fmt: skip

    def remove(self, webhook_id: str) -> None:
        """Remove a registration and its dead letters."""
        self._view.delete("webhooks", self._view.lookup("webhooks", "id", webhook_id))
        self._view.delete("dead_letters", self._view.lookup("dead_letters", "webhook_id", webhook_id))

    def lease(self, owner: str, now_ms: int, until_ms: int, limit: int) -> list[Lease]:
        """Renew the owner's leases, add free or expired ones up to `limit` in all, and return them."""
        free = [row for row in self._rows() if row["lease_owner"] == owner or row["lease_until_ms"] <= now_ms]
        free.sort(key=lambda row: (row["lease_owner"] != owner, row["id"]))
        for row in free[:limit]:
            self._view.update("webhooks", row, lease_owner=owner, lease_until_ms=until_ms)
        held = [row for row in self._rows() if _is_held(row, owner, now_ms)]
        return [_lease(row) for row in sorted(held, key=lambda row: str(row["id"]))]

    def unchanged_leases(self, owner: str, now_ms: int, until_ms: int, limit: int) -> list[Lease] | None:
        """The owner's leases if `lease` would add none and all last until `until_ms`; else None."""
        rows = self._view.standing("webhooks", EVERYTHING)
        held = [row for row in rows if row["lease_owner"] == owner]
        free = any(row["lease_until_ms"] <= now_ms for row in rows)
        if (free and len(held) < limit) or any(row["lease_until_ms"] < until_ms for row in held):
            return None
        return [_lease(row) for row in sorted(held, key=lambda row: str(row["id"]))]

    def release(self, owner: str) -> None:
        """End the owner's leases."""
        for row in self._rows():
            if row["lease_owner"] == owner and row["lease_until_ms"]:
                self._view.update("webhooks", row, lease_until_ms=0)

    def lease_of(self, webhook_id: str, owner: str, now_ms: int) -> Lease | None:
        """The lease of the webhook if the owner has it, else None."""
        row = self._view.row("webhooks", "id", webhook_id)
        return _lease(row) if row is not None and _is_held(row, owner, now_ms) else None

    def settle(self, webhook_id: str, settled: int, behind: Mapping[str, int]) -> None:
        """Settle the events up to the id `settled`; `behind` replaces the flows and sources that lag."""
        row = self._view.row("webhooks", "id", webhook_id)
        if row is not None:
            marks = _ENCODE(dict(behind)) if behind else None
            self._view.update("webhooks", row, settled=max(settled, row["settled"]), behind=marks)

    def give_up(self, webhook_id: str, event_id: int, error: str, attempts: int, now_ms: int) -> None:
        """Keep an event that could not be delivered as a dead letter."""
        known = self._view.lookup("dead_letters", "webhook_id", webhook_id)
        if any(row["event_id"] == event_id for row in known):
            return
        event = self._view.row("events", "id", event_id)
        self._view.insert(
            "dead_letters", webhook_id=webhook_id, event_id=event_id, attempts=attempts, error=error,
            body=event["body"] if event else None, given_up_ms=now_ms,
        )  # fmt: skip

    def settled_by_all(self) -> int | None:
        """The id up to which all events are settled for all webhooks; None if there are no webhooks."""
        rows = self._view.standing("webhooks", EVERYTHING, ("id", "settled", "behind"))
        marks = [mark for row in rows for mark in (row["settled"], *_behind(row).values())]
        return min(marks, default=None)

    def _rows(self) -> list[Row]:
        return self._view.select("webhooks", EVERYTHING)


def _is_held(row: Row, owner: str, now_ms: int) -> bool:
    return bool(row["lease_owner"] == owner and row["lease_until_ms"] > now_ms)


def _lease(row: Row) -> Lease:
    return Lease(_DECODE(row["body"]), row["settled"], _behind(row))


def _behind(row: Row) -> dict[str, int]:
    return _BEHIND(row["behind"]) if row["behind"] else {}
