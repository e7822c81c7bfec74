"""Reads the storage configuration: a JSON file that lists the storage backends.

The file does not contain keys. It has the paths of files with the keys, relative to its own folder. A backend
without such files uses what AWS's SDK finds.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from services.media.adapters.credential_sources import CredentialsFile, KeyFiles, SdkChain
from services.media.domain.credentials import CredentialsInUse, CredentialSource
from services.media.domain.storage_backend import ConditionalWrites, StorageBackend, StorageBackends
from services.shared.errors import StartupError, Unavailable
from services.shared.ids import UUID_PATTERN

_Text = Annotated[str, Meta(min_length=1, max_length=256)]
_Id = Annotated[str, Meta(pattern=f"^{UUID_PATTERN}\\Z")]
_Endpoint = Annotated[str, Meta(pattern=r"^https?://[A-Za-z0-9.\[\]:_-]+/?\Z")]
_Bucket = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")]
# Folders that need no encoding and are neither hidden nor "..".
_Prefix = Annotated[str, Meta(pattern=r"^([A-Za-z0-9_-][A-Za-z0-9._-]*/)*\Z", max_length=256)]


class _Entry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    id: _Id
    label: _Text
    provider: _Text
    store_product: _Text
    region: str = ""
    availability_zone: str = ""
    default_storage: bool = False
    endpoint_url: _Endpoint
    public_endpoint_url: _Endpoint | None = None
    bucket: _Bucket
    prefix: _Prefix = ""
    credentials_file: _Text | None = None
    access_key_file: _Text | None = None
    secret_key_file: _Text | None = None
    session_token_file: _Text | None = None
    create_bucket: bool = False
    cors_origins: tuple[str, ...] = ("*",)
    conditional_writes: ConditionalWrites | bool = ConditionalWrites.OFFERED


def read_storage_backends(path: Path) -> StorageBackends:
    """The backends in the file, in its order. StartupError for a file that cannot be read or is malformed."""
    try:
        entries = msgspec.json.decode(path.read_bytes(), type=list[_Entry])
        _check(entries)
        return StorageBackends([_backend(entry, path.parent) for entry in entries])
    except (OSError, ValueError, Unavailable) as error:
        raise StartupError(f"storage configuration {path}: {_reason(error)}") from None


def _check(entries: Sequence[_Entry]) -> None:
    if not entries:
        raise ValueError("it lists no storage backend")
    ids = [entry.id for entry in entries]
    if repeated := next((storage_id for storage_id in ids if ids.count(storage_id) > 1), None):
        raise ValueError(f"the id {repeated} is given twice")
    if sum(entry.default_storage for entry in entries) > 1:
        raise ValueError("more than one backend has default_storage")


def _backend(entry: _Entry, folder: Path) -> StorageBackend:
    source = _source(entry, folder)
    return StorageBackend(
        id=entry.id,
        label=entry.label,
        provider=entry.provider,
        store_product=entry.store_product,
        region=entry.region,
        availability_zone=entry.availability_zone,
        default_storage=entry.default_storage,
        endpoint_url=entry.endpoint_url,
        public_endpoint_url=entry.public_endpoint_url or entry.endpoint_url,
        bucket=entry.bucket,
        prefix=entry.prefix,
        credentials=CredentialsInUse(source.look(), source),
        create_bucket=entry.create_bucket,
        cors_origins=entry.cors_origins,
        conditional_writes=_conditional_writes(entry.conditional_writes),
    )


def _conditional_writes(value: ConditionalWrites | bool) -> ConditionalWrites:
    """The choice; true and false are those of earlier versions."""
    if isinstance(value, ConditionalWrites):
        return value
    return ConditionalWrites.REQUIRED if value else ConditionalWrites.OFF


def _source(entry: _Entry, folder: Path) -> CredentialSource:
    keys = entry.access_key_file, entry.secret_key_file, entry.session_token_file
    match (entry.credentials_file, *keys):
        case (None, None, None, None):
            return SdkChain()
        case (str(file), None, None, None):
            return CredentialsFile(folder / file)
        case (None, str(access), str(secret), token):
            return KeyFiles(folder / access, folder / secret, folder / token if token else None)
        case _:
            raise ValueError(
                f"{entry.label}: set credentials_file, or access_key_file and secret_key_file, or none"
            )


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"cannot read {error.filename}: {error.strerror}"
    return str(error)
