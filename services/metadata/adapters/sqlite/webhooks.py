"""The tables of webhooks, of the flows and sources that lag, and of dead letters."""

import sqlite3
from collections.abc import Mapping
from typing import Final

import msgspec

from services.metadata.domain.webhooks.webhook import Lease, Webhook

_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Webhook).decode
_PUT: Final = """
    INSERT INTO webhooks (id, url, api_key_name, api_key_value, body, settled, created_by)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET body = excluded.body
"""
_RENEW: Final = """
    UPDATE webhooks SET lease_owner = :owner, lease_until_ms = :until WHERE id IN (
        SELECT id FROM webhooks WHERE lease_owner = :owner OR lease_until_ms <= :now
        ORDER BY lease_owner <> :owner, id LIMIT :limit)
"""


class SqliteWebhooks:
    """Webhooks by id, with their leases and dead letters."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def has_any(self) -> bool:
        """True if there is a webhook."""
        return self._execute("SELECT 1 FROM webhooks LIMIT 1").fetchone() is not None

    def all(self, created_by: str | None = None) -> list[Webhook]:
        """All registrations, ascending by URL; those of one owner if it is given."""
        rows = self._execute(
            "SELECT body FROM webhooks WHERE created_by = coalesce(?, created_by) ORDER BY url, id",
            (created_by,),
        )
        return [_DECODE(body) for (body,) in rows]

    def find(self, url: str, api_key_name: str, api_key_value: str) -> list[Webhook]:
        """The registrations of the URL with the key; each has another owner."""
        rows = self._execute(
            "SELECT body FROM webhooks WHERE url = ? AND api_key_name = ? AND api_key_value = ? ORDER BY id",
            (url, api_key_name, api_key_value),
        )
        return [_DECODE(body) for (body,) in rows]

    def put(self, webhook: Webhook, settled: int) -> None:
        """Store a registration. If it is new, its events up to the id `settled` count as settled."""
        self._execute(
            _PUT,
            (
                webhook.id, webhook.url, webhook.api_key_name, webhook.api_key_value, _ENCODE(webhook),
                settled, webhook.created_by,
            ),
        )  # fmt: skip

    def remove(self, webhook_id: str) -> None:
        """Remove a registration and its dead letters."""
        self._execute("DELETE FROM webhooks WHERE id = ?", (webhook_id,))
        self._execute("DELETE FROM lagging WHERE webhook_id = ?", (webhook_id,))
        self._execute("DELETE FROM dead_letters WHERE webhook_id = ?", (webhook_id,))

    def lease(self, owner: str, now_ms: int, until_ms: int, limit: int) -> list[Lease]:
        """Renew the owner's leases, add free or expired ones up to `limit` in all, and return them."""
        self._execute(_RENEW, {"owner": owner, "now": now_ms, "until": until_ms, "limit": limit})
        rows = self._execute(
            "SELECT body, settled FROM webhooks WHERE lease_owner = ? AND lease_until_ms > ? ORDER BY id",
            (owner, now_ms),
        )
        return [self._lease(*row) for row in rows]

    def unchanged_leases(self, *_: object) -> list[Lease] | None:
        """Always None: a write is cheap, so leases are renewed on every request."""
        return None

    def release(self, owner: str) -> None:
        """End the owner's leases."""
        self._execute("UPDATE webhooks SET lease_until_ms = 0 WHERE lease_owner = ?", (owner,))

    def lease_of(self, webhook_id: str, owner: str, now_ms: int) -> Lease | None:
        """The lease of the webhook if the owner has it, else None."""
        row = self._execute(
            "SELECT body, settled FROM webhooks WHERE id = ? AND lease_owner = ? AND lease_until_ms > ?",
            (webhook_id, owner, now_ms),
        ).fetchone()
        return self._lease(*row) if row else None

    def settle(self, webhook_id: str, settled: int, behind: Mapping[str, int]) -> None:
        """Settle the events up to the id `settled`; `behind` replaces the flows and sources that lag."""
        self._execute("UPDATE webhooks SET settled = max(settled, ?) WHERE id = ?", (settled, webhook_id))
        self._execute("DELETE FROM lagging WHERE webhook_id = ?", (webhook_id,))
        for key, settled_of_key in behind.items():
            self._execute("INSERT INTO lagging VALUES (?, ?, ?)", (webhook_id, key, settled_of_key))

    def give_up(self, webhook_id: str, event_id: int, error: str, attempts: int, now_ms: int) -> None:
        """Keep an event that could not be delivered as a dead letter."""
        self._execute(
            "INSERT INTO dead_letters (webhook_id, event_id, attempts, error, body, given_up_ms)"
            " VALUES (?, ?, ?, ?, (SELECT body FROM events WHERE id = ?), ?) ON CONFLICT DO NOTHING",
            (webhook_id, event_id, attempts, error, event_id, now_ms),
        )

    def settled_by_all(self) -> int | None:
        """The id up to which all events are settled for all webhooks; None if there are no webhooks."""
        (settled,) = self._execute(
            "SELECT min(settled) FROM (SELECT settled FROM webhooks UNION ALL SELECT settled FROM lagging)"
        ).fetchone()
        return None if settled is None else int(settled)

    def _lease(self, body: bytes, settled: int) -> Lease:
        webhook = _DECODE(body)
        rows = self._execute("SELECT key, settled FROM lagging WHERE webhook_id = ?", (webhook.id,))
        return Lease(webhook, settled, dict(rows.fetchall()))
