"""The get_urls of segments: which URLs a reader wants, and how each is written.

Shared by everything that hands out segments: listings, and events that carry them (TAMS 7.0, flow
segments; ADR 0023, ADR 0026).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from services.shared.signed_urls import SignedUrls


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlFilter:
    """Which URLs a reader wants. Filters drop URLs, never segments; all that are set must pass.

    `labels` and `storage_ids` are None for no filter. An empty `labels` passes nothing, an empty
    `storage_ids` everything. `presigned` None passes both kinds.
    """

    labels: frozenset[str] | None = None
    storage_ids: frozenset[str] | None = None
    presigned: bool | None = None
    verbose: bool = False

    @property
    def nothing(self) -> bool:
        """Whether no URL at all can pass."""
        return self.labels is not None and not self.labels

    def keeps(self, *, label: str | None, storage_id: str | None, presigned: bool) -> bool:
        """Whether a URL passes. One without label or storage id never passes a filter for it."""
        return (
            (self.labels is None or label in self.labels)
            and (not self.storage_ids or storage_id in self.storage_ids)
            and self.presigned in (None, presigned)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What a verbose URL tells of its storage backend; empty texts are left out."""

    id: str
    label: str
    store_type: str
    provider: str
    store_product: str
    region: str = ""
    availability_zone: str = ""


class UrlWriter:
    """Writes the URLs one reader wants as JSON items of get_urls, without building objects for each."""

    def __init__(self, wanted: UrlFilter, backends: Iterable[Backend]) -> None:
        self._wanted = wanted
        # All of an item after its URL is the same for every object of a backend.
        self._tails = {
            backend.id: "," + _encode(_controlled(backend, verbose=wanted.verbose))[1:].decode()
            for backend in backends
            if wanted.keeps(label=backend.label, storage_id=backend.id, presigned=True)
        }
        # The storage backends whose URLs are wanted; no others need signing.
        self.signs = frozenset(self._tails)

    def controlled(self, storage_id: str, urls: SignedUrls) -> list[str]:
        """Signed URLs of objects on one of the backends in `signs`."""
        head, tail = f'{{"url":"{_escaped(urls.before)}', f'"{self._tails[storage_id]}'
        return urls.between(head, _escaped(urls.after), tail)

    def external(self, url: str, label: str | None) -> str | None:
        """A URL outside this store's control, None when it is not wanted."""
        if not self._wanted.keeps(label=label, storage_id=None, presigned=False):
            return None
        item: dict[str, object] = {"url": url}
        if label is not None:
            item["label"] = label
        if self._wanted.verbose:
            item["controlled"] = False
        return _encode(item).decode()


def with_urls(documents: Iterable[bytes], urls: Iterable[str]) -> list[str]:
    """JSON documents of segments with get_urls added: the items of each, separated by commas.

    A document is an object with some member.
    """
    return [
        f'{document[:-1].decode()},"get_urls":[{items}]}}'
        for document, items in zip(documents, urls, strict=True)
    ]


_encode: Final = msgspec.json.Encoder().encode


def _escaped(text: str) -> str:
    return _encode(text)[1:-1].decode()


def _controlled(backend: Backend, *, verbose: bool) -> dict[str, object]:
    item: dict[str, object] = {"presigned": True, "label": backend.label}
    if verbose:
        item |= {"storage_id": backend.id, "controlled": True, "store_type": backend.store_type}
        item |= {"provider": backend.provider, "store_product": backend.store_product}
        item |= {"region": backend.region, "availability_zone": backend.availability_zone}
    return {name: value for name, value in item.items() if value != ""}
