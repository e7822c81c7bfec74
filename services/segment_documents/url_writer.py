"""Writes the items of get_urls as JSON (TAMS 7.0, flow segments; ADR 0023, ADR 0026)."""

from collections.abc import Sequence
from typing import Final

import msgspec
from tams.media.v1 import storage_backend_pb2, storage_service_pb2

from services.segment_documents.documents import Column
from services.segment_documents.url_filter import UrlFilter


class UrlWriter:
    """Writes the URLs that pass a filter as items of get_urls, without creating objects for each URL.

    `storage_ids` are the backends of which some URLs pass, `signed_ids` those whose signed URLs do. A backend
    with a CDN has a second URL, that of a cache, which the store does not control.
    """

    def __init__(self, url_filter: UrlFilter, backends: Sequence[storage_backend_pb2.StorageBackend]) -> None:
        self._filter = url_filter
        # The text of an item after its URL is the same for all objects of a backend.
        self._tails = {
            backend.id: b'",' + _encode(_controlled(backend, verbose=url_filter.verbose))[1:]
            for backend in backends
            if url_filter.passes(label=backend.label, storage_id=backend.id, presigned=True)
        }
        self._caches = {
            backend.id: (backend.cdn_url, cdn_label(backend))
            for backend in backends
            if backend.cdn_url and self._passes_uncontrolled(cdn_label(backend))
        }
        self.signed_ids = frozenset(self._tails)
        self.storage_ids = self.signed_ids.union(self._caches)
        # The default backend comes first, the others in the order of the configuration.
        self._ranks = {
            backend.id: (not backend.default_storage, place) for place, backend in enumerate(backends)
        }

    def rank(self, storage_id: str, signed: storage_service_pb2.SignedPaths | None) -> tuple[bool, bool, int]:
        """The order of the URLs of one object: those of backends that answer come first."""
        return signed is not None and signed.unreachable, *self._ranks[storage_id]

    def stored(
        self, storage_id: str, paths: bytes, signed: storage_service_pb2.SignedPaths | None
    ) -> Sequence[Column]:
        """The columns of the URLs of objects on one of the backends in `storage_ids`.

        `paths` are the `url_lines` of the objects. `signed` is None for backends outside `signed_ids`.
        """
        columns = () if signed is None else self._controlled(storage_id, paths, signed)
        if storage_id not in self._caches:
            return columns
        cdn_url, label = self._caches[storage_id]
        tail = b'",' + _encode({"presigned": False} | self._uncontrolled(label))[1:]
        between = (b",",) if columns else ()
        return (*columns, *between, b'{"url":"' + _escaped(f"{cdn_url}/"), paths.splitlines(), tail)

    def _controlled(
        self, storage_id: str, paths: bytes, signed: storage_service_pb2.SignedPaths
    ) -> Sequence[Column]:
        return (
            b'{"url":"' + _escaped(signed.before),
            paths.splitlines(),
            _escaped(signed.after),
            signed.signatures.splitlines(),
            self._tails[storage_id],
        )

    def external(self, url: str, label: str | None) -> bytes | None:
        """The item of a URL outside this store's control, None if it does not pass the filter."""
        if not self._passes_uncontrolled(label):
            return None
        return _encode({"url": url} | self._uncontrolled(label))

    def _passes_uncontrolled(self, label: str | None) -> bool:
        return self._filter.passes(label=label, storage_id=None, presigned=False)

    def _uncontrolled(self, label: str | None) -> dict[str, object]:
        """The members that follow the URL of an item outside this store's control."""
        item: dict[str, object] = {} if label is None else {"label": label}
        return item | ({"controlled": False} if self._filter.verbose else {})


def cdn_label(backend: storage_backend_pb2.StorageBackend) -> str:
    """The label of the URLs of the CDN of a backend."""
    return f"cdn:{backend.label}"


_encode: Final = msgspec.json.Encoder().encode


def _escaped(text: str) -> bytes:
    return _encode(text)[1:-1]


def _controlled(backend: storage_backend_pb2.StorageBackend, *, verbose: bool) -> dict[str, object]:
    """The members that follow the URL of an item. Empty members of the backend are left out."""
    item: dict[str, object] = {"presigned": True, "label": backend.label}
    if verbose:
        item |= {"storage_id": backend.id, "controlled": True, "store_type": backend.store_type}
        item |= {"provider": backend.provider, "store_product": backend.store_product}
        item |= {"region": backend.region, "availability_zone": backend.availability_zone}
    return {name: value for name, value in item.items() if value != ""}
