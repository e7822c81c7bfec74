"""The tables of what the service itself has to do and to know."""

from collections.abc import Mapping
from typing import Protocol

from services.metadata.application.ports.queries import ServiceInfo
from services.metadata.domain.deletion import Deletion
from services.metadata.domain.event import Event
from services.metadata.domain.load import Load
from services.metadata.domain.webhook import Lease, Webhook


class EventTable(Protocol):
    """The outbox."""

    def append(self, event: Event) -> None:
        """Store an event under the next id."""
        ...

    def last_id(self) -> int:
        """The highest id given so far; 0 before the first."""
        ...

    def after(self, event_id: int, limit: int) -> list[Event]:
        """Up to `limit` events above an id, ascending; ends once no page holds more."""
        ...

    def trim(self, through_id: int, limit: int) -> int:
        """Remove up to `limit` events up to an id; how many went."""
        ...


class WebhookTable(Protocol):
    """Subscribers, and who serves them."""

    def some(self) -> bool:
        """Whether there is any subscriber."""
        ...

    def all(self) -> list[Webhook]:
        """Every registration, ascending by URL."""
        ...

    def find(self, url: str, api_key_name: str, api_key_value: str) -> Webhook | None:
        """The registration of a URL with a key."""
        ...

    def put(self, webhook: Webhook, settled: int) -> None:
        """Store a registration; a new one counts events up to `settled` as settled."""
        ...

    def remove(self, webhook_id: str) -> None:
        """Remove a registration and its dead letters."""
        ...

    def lease(self, owner: str, now_ms: int, until_ms: int, limit: int) -> list[Lease]:
        """Renew the owner's leases, take free or run-out ones up to `limit` in all, return them."""
        ...

    def release(self, owner: str) -> None:
        """End the owner's leases."""
        ...

    def held(self, webhook_id: str, owner: str, now_ms: int) -> Lease | None:
        """The lease, if the owner holds it."""
        ...

    def settle(self, webhook_id: str, settled: int, behind: Mapping[str, int]) -> None:
        """Move the mark of settled events forward, never back; `behind` is who lags from now on."""
        ...

    def give_up(self, webhook_id: str, event_id: int, error: str, attempts: int, now_ms: int) -> None:
        """Keep an event that could not be delivered as a dead letter."""
        ...

    def settled_by_all(self) -> int | None:
        """The id up to which nobody waits for events, lagging ones included; None without subscribers."""
        ...


class DeletionTable(Protocol):
    """Deletion requests."""

    def put(self, deletion: Deletion) -> None:
        """Store a request in place of what was there."""
        ...

    def get(self, deletion_id: str) -> Deletion | None:
        """One request."""
        ...

    def latest(self, limit: int) -> list[Deletion]:
        """Up to `limit` requests, newest first."""
        ...

    def claim(self, owner: str, now_ms: int, until_ms: int) -> Deletion | None:
        """Lease the oldest unfinished request that nobody works on, or that the owner already has."""
        ...

    def expire(self, now_ms: int) -> None:
        """Remove the records whose time has come."""
        ...


class ServiceInfoTable(Protocol):
    """The name and description of this store."""

    def get(self) -> ServiceInfo:
        """As stored."""
        ...

    def put(self, info: ServiceInfo) -> None:
        """Store both."""
        ...


class LoadTable(Protocol):
    """Bulk loads, and the keys of what they inserted."""

    def get(self, load_id: str) -> Load | None:
        """One load."""
        ...

    def put(self, load: Load) -> None:
        """Store a load in place of what was there."""
        ...

    def put_keys(self, load_id: str, number: int, keys: bytes | None) -> None:
        """Store keys under a number in place of what was there; None removes them."""
        ...

    def last_keys(self, load_id: str) -> tuple[int, bytes] | None:
        """The number and the keys with the highest number."""
        ...

    def forget_keys(self, load_id: str) -> None:
        """Remove all keys of a load."""
        ...

    def expire(self, before_ms: int) -> None:
        """Remove loads that have not changed since."""
        ...
