"""The tables of the service's own work: outbox, webhooks, deletions, loads, settings."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from services.metadata.application.ports.queries import ServiceInfo
from services.metadata.domain.deletion_request import Deletion
from services.metadata.domain.flows.flow import StoredFlow
from services.metadata.domain.ids import FlowId, SourceId, StorageId
from services.metadata.domain.load import Load
from services.metadata.domain.trash import Kind, Trashed
from services.metadata.domain.webhooks.event import Event
from services.metadata.domain.webhooks.webhook import Lease, Webhook


class EventTable(Protocol):
    """The outbox."""

    def append(self, event: Event) -> None:
        """Store an event with the next id."""
        ...

    def last_id(self) -> int:
        """The highest id of an event so far; 0 before the first event.

        Outside of changes, events of other processes may be seen some seconds late.
        """
        ...

    def after(self, event_id: int, limit: int) -> list[Event]:
        """Up to `limit` events above an id, ascending; fewer if a page cannot hold more bytes."""
        ...

    def has_up_to(self, event_id: int) -> bool:
        """True if there is an event up to the id. Events of other processes may be seen some seconds late."""
        ...

    def trim(self, event_id: int, limit: int) -> int:
        """Delete up to `limit` events up to the id; returns their number."""
        ...


class WebhookTable(Protocol):
    """Webhooks, their leases and dead letters. Times are milliseconds since 1970."""

    def has_any(self) -> bool:
        """True if there is a webhook.

        Outside of changes, webhooks that other processes registered may be seen some seconds late.
        """
        ...

    def all(self, created_by: str | None = None) -> list[Webhook]:
        """All registrations, ascending by URL; those of one owner if it is given."""
        ...

    def find(self, url: str, api_key_name: str, api_key_value: str) -> list[Webhook]:
        """The registrations of the URL with the key; each has another owner."""
        ...

    def put(self, webhook: Webhook, settled: int) -> None:
        """Store a registration. If it is new, its events up to the id `settled` count as settled."""
        ...

    def remove(self, webhook_id: str) -> None:
        """Remove a registration and its dead letters."""
        ...

    def lease(self, owner: str, now_ms: int, until_ms: int, limit: int) -> list[Lease]:
        """Renew the owner's leases, add free or expired ones up to `limit` in all, and return them."""
        ...

    def unchanged_leases(self, owner: str, now_ms: int, until_ms: int, limit: int) -> list[Lease] | None:
        """The owner's leases if `lease` would add none and all last until `until_ms`; else None.

        An engine with cheap writes always returns None; then `lease` is called.
        """
        ...

    def release(self, owner: str) -> None:
        """End the owner's leases."""
        ...

    def lease_of(self, webhook_id: str, owner: str, now_ms: int) -> Lease | None:
        """The lease of the webhook if the owner has it, else None."""
        ...

    def settle(self, webhook_id: str, settled: int, behind: Mapping[str, int]) -> None:
        """Settle the events up to the id `settled`; never moves back.

        `behind` replaces the flows and sources that lag, each with the id up to which its events are settled.
        """
        ...

    def give_up(self, webhook_id: str, event_id: int, error: str, attempts: int, now_ms: int) -> None:
        """Keep an event that could not be delivered as a dead letter."""
        ...

    def settled_by_all(self) -> int | None:
        """The id up to which all events are settled for all webhooks; None if there are no webhooks.

        Outside of changes, events that other processes settled may be seen some seconds late.
        """
        ...


class DeletionTable(Protocol):
    """Deletion requests by id. Times are milliseconds since 1970."""

    def put(self, deletion: Deletion) -> None:
        """Store or replace a request."""
        ...

    def get(self, deletion_id: str) -> Deletion | None:
        """The request; None if it does not exist."""
        ...

    def open_for(self, flow: StoredFlow) -> Sequence[Deletion]:
        """The open requests for segments of the flow. Mostly there are none, which costs no extra read."""
        ...

    def under_way(self) -> list[Deletion]:
        """All open requests, also those of deleted flows."""
        ...

    def latest(self, limit: int, created_by: str | None = None) -> list[Deletion]:
        """Up to `limit` requests, newest first; only those that one caller made if its name is given."""
        ...

    def due(self, owner: str, now_ms: int) -> bool:
        """True if `claim` or `expire` would find a request.

        Requests of other processes may be seen some seconds late.
        """
        ...

    def claim(self, owner: str, now_ms: int, until_ms: int) -> Deletion | None:
        """Lease the oldest open request that is free or leased to the owner; None without such a request."""
        ...

    def expire(self, now_ms: int) -> None:
        """Delete the records that have expired."""
        ...


class TrashTable(Protocol):
    """Entries of the trash by id. Times are milliseconds since 1970."""

    def put(self, entry: Trashed) -> None:
        """Store or replace an entry. Two changes that do so conflict."""
        ...

    def get(self, entry_id: str) -> Trashed | None:
        """The entry; None if it does not exist."""
        ...

    def delete(self, entry: Trashed) -> None:
        """Remove an entry. Its segments are restored or purged."""
        ...

    def page(
        self,
        flow_id: str | None,
        source_id: str | None,
        after: str | None,
        limit: int,
        classes: frozenset[str] | None = None,
    ) -> list[Trashed]:
        """Up to `limit` entries with ids above `after`, ascending; those of a flow and source if given.

        With classes, only entries that have one of them. They have no documents, and none is of the kind
        RESTORED.
        """
        ...

    def of_flows(self, flow_ids: Iterable[FlowId], kind: Kind) -> list[Trashed]:
        """The entries of a kind for these flows, in the order of their deletion.

        As those of the next methods, they may lack their memberships, which `get` returns.
        """
        ...

    def of_source(self, source_id: SourceId) -> list[Trashed]:
        """The deleted flows of a source, in the order of their deletion."""
        ...

    def of_operation(self, operation: str) -> list[Trashed]:
        """The entries of an operation, in the order of their deletion."""
        ...

    def due(self, owner: str, now_ms: int) -> bool:
        """True if `claim` would find an entry. Entries of other processes may be seen some seconds late."""
        ...

    def claim(self, owner: str, now_ms: int, until_ms: int) -> Trashed | None:
        """Lease an entry to purge that is free or leased to the owner; None without such an entry."""
        ...


class ServiceInfoTable(Protocol):
    """The name and description of this store."""

    def get(self) -> ServiceInfo:
        """The stored name and description; None for those that are not set."""
        ...

    def put(self, info: ServiceInfo) -> None:
        """Store the name and description."""
        ...


class StorageBackendTable(Protocol):
    """The storage backends of the media service."""

    def all(self) -> dict[StorageId, str]:
        """The labels of the backends, by id."""
        ...

    def replace(self, labels: Mapping[StorageId, str]) -> None:
        """Store these backends, and no others."""
        ...


class LoadTable(Protocol):
    """Bulk loads, and the keys of the rows that they inserted."""

    def get(self, load_id: str) -> Load | None:
        """The load; None if it does not exist."""
        ...

    def put(self, load: Load) -> None:
        """Store or replace a load."""
        ...

    def latest(self, limit: int) -> list[Load]:
        """Up to `limit` loads, the last changed first."""
        ...

    def put_keys(self, load_id: str, number: int, keys: bytes | None) -> None:
        """Store or replace the keys with the number; None deletes them."""
        ...

    def last_keys(self, load_id: str) -> tuple[int, bytes] | None:
        """The highest number of the load's keys, and the keys with it; None if there are no keys."""
        ...

    def forget_keys(self, load_id: str) -> None:
        """Delete all keys of a load."""
        ...

    def expire(self, before_ms: int) -> None:
        """Delete the loads, with their keys, that last changed before a time in milliseconds since 1970."""
        ...
