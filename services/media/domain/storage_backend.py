"""Storage backends, which store media objects (TAMS 7.0, storage-backend.json)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from services.media.domain.credentials import CredentialsInUse
from services.media.domain.key_template import DEFAULT_TEMPLATE, KeyTemplate
from services.shared.errors import InvalidArgument

# The region in signatures for S3-compatible storage without regions.
_NO_REGION: Final = "us-east-1"
_WRITE_ONCE: Final = {"If-None-Match": "*"}


class ConditionalWrites(StrEnum):
    """Whether uploads have the condition that the object does not exist yet, so that none is overwritten.

    Clients should send the headers of a PUT URL (TAMS 7.0, http-request.json), and many send none of them.
    """

    REQUIRED = "required"  # A PUT without the header is refused.
    OFFERED = "offered"  # The header is named. A PUT without it can overwrite the object.
    OFF = "off"  # No header is named.


class AddressingStyle(StrEnum):
    """The place of the bucket in a URL."""

    PATH = "path"  # https://host/bucket/key
    VIRTUAL = "virtual"  # https://bucket.host/key


class ServerSideEncryption(StrEnum):
    """The keys that encrypt new objects, as the header x-amz-server-side-encryption names them."""

    AES256 = "AES256"  # those of the storage
    KMS = "aws:kms"  # one of a key management service


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageBackend:
    """The public description of a backend, and the access to its bucket."""

    id: str
    label: str
    provider: str
    store_product: str
    region: str = ""
    availability_zone: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    default_storage: bool = False
    endpoint_url: str
    # The endpoint in signed URLs, which clients must be able to reach.
    public_endpoint_url: str
    bucket: str
    prefix: str = ""
    # The keys of new objects.
    key_template: KeyTemplate = DEFAULT_TEMPLATE
    # The URL at which a CDN has the root of the bucket, without a slash at its end; empty without one.
    cdn_url: str = ""
    addressing_style: AddressingStyle = AddressingStyle.PATH
    # The class, the encryption and the key of new objects; None for those of the bucket.
    storage_class: str | None = None
    server_side_encryption: ServerSideEncryption | None = None
    kms_key_id: str | None = None
    credentials: CredentialsInUse = field(repr=False)
    create_bucket: bool = False
    cors_origins: tuple[str, ...] = ("*",)
    conditional_writes: ConditionalWrites = ConditionalWrites.OFFERED

    @property
    def signing_region(self) -> str:
        """The region in signatures."""
        return self.region or _NO_REGION

    @property
    def public_bucket_url(self) -> str:
        """The URL of the bucket for clients, without a slash at its end."""
        endpoint = self.public_endpoint_url.rstrip("/")
        if self.addressing_style is AddressingStyle.PATH:
            return f"{endpoint}/{self.bucket}"
        scheme, _, host = endpoint.partition("://")
        return f"{scheme}://{self.bucket}.{host}"

    @property
    def put_headers(self) -> dict[str, str]:
        """The headers that clients should send with a PUT, in addition to its content type."""
        once = {} if self.conditional_writes is ConditionalWrites.OFF else _WRITE_ONCE
        return once | self._kept_as

    @property
    def signed_put_headers(self) -> dict[str, str]:
        """Those of them without which the storage refuses a PUT."""
        once = _WRITE_ONCE if self.conditional_writes is ConditionalWrites.REQUIRED else {}
        return once | self._kept_as

    @property
    def _kept_as(self) -> dict[str, str]:
        """The headers that say how storage keeps an object. S3 of AWS refuses those that are not signed."""
        headers = {
            "x-amz-storage-class": self.storage_class,
            "x-amz-server-side-encryption": self.server_side_encryption,
            "x-amz-server-side-encryption-aws-kms-key-id": self.kms_key_id,
        }
        return {name: str(value) for name, value in headers.items() if value}


class StorageBackends:
    """The backends of this deployment in the order of its configuration. At most one is the default."""

    def __init__(self, backends: Sequence[StorageBackend]) -> None:
        self._by_id = {backend.id: backend for backend in backends}
        self._default = next((backend for backend in backends if backend.default_storage), None)

    def __iter__(self) -> Iterator[StorageBackend]:
        return iter(self._by_id.values())

    def get(self, storage_id: str) -> StorageBackend | None:
        """The backend with this id; None without one."""
        return self._by_id.get(storage_id)

    def choose(self, storage_id: str | None) -> StorageBackend:
        """The backend with this id, or the default one. InvalidArgument UNKNOWN_STORAGE without one."""
        if storage_id is None:
            if self._default is None:
                raise _unknown_storage("there is no default storage backend; give a storage_id")
            return self._default
        if (backend := self._by_id.get(storage_id)) is None:
            raise _unknown_storage(f"no storage backend has the id {storage_id[:64]!r}")
        return backend


def is_allocated(backend: StorageBackend, path: str) -> bool:
    """True if allocation on the backend makes such paths, with its present template or the default one."""
    templates = (backend.key_template, DEFAULT_TEMPLATE)
    return any(template.matches(backend.prefix, path) for template in templates)


def _unknown_storage(summary: str) -> InvalidArgument:
    return InvalidArgument(summary, reason="UNKNOWN_STORAGE")
