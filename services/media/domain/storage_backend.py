"""Storage backends: the places that keep media objects (TAMS 7.0 storage-backend.json)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.media.domain.presign import Credentials
from services.shared.errors import InvalidArgument

# What S3-compatible stores without regions expect in a signature.
_NO_REGION: Final = "us-east-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageBackend:
    """What clients may know of a backend, and how its bucket is reached."""

    id: str
    label: str
    provider: str
    store_product: str
    region: str = ""
    availability_zone: str = ""
    default_storage: bool = False
    endpoint_url: str
    # The endpoint in signed URLs: what clients can reach.
    public_endpoint_url: str
    bucket: str
    prefix: str = ""
    credentials: Credentials = field(repr=False)
    create_bucket: bool = False
    cors_origins: tuple[str, ...] = ("*",)

    @property
    def signing_region(self) -> str:
        """The region that signatures name."""
        return self.region or _NO_REGION


class StorageBackends:
    """The backends of this deployment, in the order of its configuration; at most one is the default."""

    def __init__(self, backends: Sequence[StorageBackend]) -> None:
        self._by_id = {backend.id: backend for backend in backends}
        self._default = next((backend for backend in backends if backend.default_storage), None)

    def __iter__(self) -> Iterator[StorageBackend]:
        return iter(self._by_id.values())

    def choose(self, storage_id: str | None) -> StorageBackend:
        """The backend named, else the default. InvalidArgument when there is none such."""
        if storage_id is None:
            if self._default is None:
                raise unknown_storage("there is no default storage backend; name one by storage_id")
            return self._default
        if (backend := self._by_id.get(storage_id)) is None:
            raise unknown_storage(f"no storage backend has the id {storage_id[:64]!r}")
        return backend


def unknown_storage(summary: str) -> InvalidArgument:
    """The error for a backend that this deployment does not have."""
    return InvalidArgument(summary, reason="UNKNOWN_STORAGE")
