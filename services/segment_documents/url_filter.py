"""Selects URLs of segments (TAMS 7.0, flow segments; ADR 0023, ADR 0026)."""

from dataclasses import dataclass
from typing import Protocol


class Texts(Protocol):
    """A collection of texts that supports `in` and `len`."""

    def __contains__(self, text: object, /) -> bool: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlFilter:
    """A filter of URLs. It drops URLs but never segments; a URL must pass all conditions that are set.

    `labels` and `storage_ids` are None for no condition. Empty `labels` pass nothing, empty `storage_ids`
    everything. `presigned` None passes both kinds. `verbose` adds details of the storage to each URL.
    """

    labels: Texts | None = None
    storage_ids: Texts | None = None
    presigned: bool | None = None
    verbose: bool = False

    @property
    def passes_nothing(self) -> bool:
        """True if no URL can pass."""
        return self.labels is not None and not self.labels

    def passes(self, *, label: str | None, storage_id: str | None, presigned: bool) -> bool:
        """True if a URL passes. A URL without label or storage id fails a condition on it."""
        return (
            (self.labels is None or label in self.labels)
            and (not self.storage_ids or storage_id in self.storage_ids)
            and self.presigned in (None, presigned)
        )
