"""Writes the items of get_urls as JSON (TAMS 7.0, flow segments; ADR 0023, ADR 0026)."""

from collections.abc import Sequence
from typing import Final

import msgspec
from tams.media.v1 import storage_backend_pb2, storage_service_pb2

from services.segment_documents.documents import Column
from services.segment_documents.url_filter import UrlFilter


class UrlWriter:
    """Writes the URLs that pass a filter as items of get_urls, without creating objects for each URL.

    `storage_ids` are the backends whose URLs pass; only their URLs need signing.
    """

    def __init__(self, url_filter: UrlFilter, backends: Sequence[storage_backend_pb2.StorageBackend]) -> None:
        self._filter = url_filter
        # The text of an item after its URL is the same for all objects of a backend.
        self._tails = {
            backend.id: b'",' + _encode(_controlled(backend, verbose=url_filter.verbose))[1:]
            for backend in backends
            if url_filter.passes(label=backend.label, storage_id=backend.id, presigned=True)
        }
        self.storage_ids = frozenset(self._tails)
        # The default backend comes first, the others in the order of the configuration.
        self._ranks = {
            backend.id: (not backend.default_storage, place) for place, backend in enumerate(backends)
        }

    def rank(self, storage_id: str, signed: storage_service_pb2.SignedPaths) -> tuple[bool, bool, int]:
        """The order of the URLs of one object: those of backends that answer come first."""
        return signed.unreachable, *self._ranks[storage_id]

    def controlled(
        self, storage_id: str, paths: bytes, signed: storage_service_pb2.SignedPaths
    ) -> Sequence[Column]:
        """The columns of signed URLs of objects on one of the backends in `storage_ids`.

        `paths` are the `url_lines` of the objects.
        """
        return (
            b'{"url":"' + _escaped(signed.before),
            paths.splitlines(),
            _escaped(signed.after),
            signed.signatures.splitlines(),
            self._tails[storage_id],
        )

    def external(self, url: str, label: str | None) -> bytes | None:
        """The item of a URL outside this store's control, None if it does not pass the filter."""
        if not self._filter.passes(label=label, storage_id=None, presigned=False):
            return None
        item: dict[str, object] = {"url": url}
        if label is not None:
            item["label"] = label
        if self._filter.verbose:
            item["controlled"] = False
        return _encode(item)


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
