"""The get_urls of segments: which URLs a reader wants, and how each is written.

Shared by everything that hands out segments: listings, and events that carry them (TAMS 7.0, flow
segments; ADR 0023, ADR 0026).
"""

from collections.abc import Iterable, Sequence
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


Column = bytes | Sequence[bytes]
"""Texts of many rows: one for each, or one that stands in all."""


class UrlWriter:
    """Writes the URLs one reader wants as JSON items of get_urls, without building objects for each."""

    def __init__(self, wanted: UrlFilter, backends: Iterable[Backend]) -> None:
        self._wanted = wanted
        # All of an item after its URL is the same for every object of a backend.
        self._tails = {
            backend.id: b'",' + _encode(_controlled(backend, verbose=wanted.verbose))[1:]
            for backend in backends
            if wanted.keeps(label=backend.label, storage_id=backend.id, presigned=True)
        }
        # The storage backends whose URLs are wanted; no others need signing.
        self.signs = frozenset(self._tails)

    def controlled(self, storage_id: str, urls: SignedUrls) -> Sequence[Column]:
        """Signed URLs of objects on one of the backends in `signs`, in columns."""
        return (
            b'{"url":"' + _escaped(urls.before),
            urls.paths.splitlines(),
            _escaped(urls.after),
            urls.signatures.splitlines(),
            self._tails[storage_id],
        )

    def external(self, url: str, label: str | None) -> bytes | None:
        """A URL outside this store's control, None when it is not wanted."""
        if not self._wanted.keeps(label=label, storage_id=None, presigned=False):
            return None
        item: dict[str, object] = {"url": url}
        if label is not None:
            item["label"] = label
        if self._wanted.verbose:
            item["controlled"] = False
        return _encode(item)


class SegmentDocuments:
    """JSON documents of segments with their get_urls.

    `documents` are lines of objects that have some member. `urls` are the columns whose texts together
    are the items of each segment, separated by commas.
    """

    def __init__(self, documents: bytes, urls: Sequence[Column] = ()) -> None:
        # Without the brace at the end of each.
        begun = documents.split(b"}\n")[:-1]
        self._columns = (begun, b',"get_urls":[', *urls, b"]}")
        self._count = len(begun)

    def __len__(self) -> int:
        return self._count

    def each(self) -> list[bytes]:
        """The document of each segment."""
        return rows(self._columns, self._count)

    def json_list(self) -> bytes:
        """All of them as a JSON list."""
        if not self._count:
            return b"[]"
        parts = _parts((*self._columns, b","), self._count)
        parts[-1] = b"]"
        return b"".join([b"[", *parts])


def rows(columns: Sequence[Column], count: int) -> list[bytes]:
    """The texts of each row, joined."""
    parts = _parts(columns, count)
    return [b"".join(parts[at : at + len(columns)]) for at in range(0, len(parts), len(columns))]


def _parts(columns: Sequence[Column], count: int) -> list[bytes]:
    """The texts row by row. Joined at once they cost a third of a text made for each row."""
    parts = [b""] * (count * len(columns))
    for at, column in enumerate(columns):
        parts[at :: len(columns)] = [column] * count if isinstance(column, bytes) else column
    return parts


_encode: Final = msgspec.json.Encoder().encode


def _escaped(text: str) -> bytes:
    return _encode(text)[1:-1]


def _controlled(backend: Backend, *, verbose: bool) -> dict[str, object]:
    item: dict[str, object] = {"presigned": True, "label": backend.label}
    if verbose:
        item |= {"storage_id": backend.id, "controlled": True, "store_type": backend.store_type}
        item |= {"provider": backend.provider, "store_product": backend.store_product}
        item |= {"region": backend.region, "availability_zone": backend.availability_zone}
    return {name: value for name, value in item.items() if value != ""}
