"""Reads the storage configuration: a JSON file that lists the storage backends.

The file does not contain keys. It has the paths of files with the keys, relative to its own folder. A backend
without such files uses what AWS's SDK finds.
"""

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from services.media.adapters.credential_sources import CredentialsFile, KeyFiles, SdkChain
from services.media.domain.credentials import CredentialsInUse, CredentialSource
from services.media.domain.key_template import DEFAULT_TEMPLATE, KeyTemplate
from services.media.domain.storage_backend import (
    AddressingStyle,
    ConditionalWrites,
    ServerSideEncryption,
    StorageBackend,
    StorageBackends,
)
from services.shared.errors import StartupError, Unavailable
from services.shared.ids import UUID_PATTERN

_Text = Annotated[str, Meta(min_length=1, max_length=256)]
_Tags = Annotated[dict[_Text, Annotated[str, Meta(max_length=256)]], Meta(max_length=64)]
_Id = Annotated[str, Meta(pattern=f"^{UUID_PATTERN}\\Z")]
# A path has no steps that begin with ".", and needs no encoding.
_Endpoint = Annotated[
    str, Meta(pattern=r"^https?://[A-Za-z0-9.\[\]:_-]+(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?\Z", max_length=512)
]
_Bucket = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")]
# Folders that need no encoding and are neither hidden nor "..".
_StorageClass = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
_KmsKeyId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_:/.-]{1,2048}\Z")]
_Prefix = Annotated[str, Meta(pattern=r"^([A-Za-z0-9_-][A-Za-z0-9._-]*/)*\Z", max_length=256)]


class _Entry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    id: _Id
    label: _Text
    provider: _Text
    store_product: _Text
    region: str = ""
    availability_zone: str = ""
    tags: _Tags = {}
    default_storage: bool | None = None
    endpoint_url: _Endpoint
    public_endpoint_url: _Endpoint | None = None
    bucket: _Bucket
    prefix: _Prefix = ""
    key_template: str | None = None
    cdn_url: _Endpoint | None = None
    addressing_style: AddressingStyle = AddressingStyle.PATH
    storage_class: _StorageClass | None = None
    server_side_encryption: ServerSideEncryption | None = None
    kms_key_id: _KmsKeyId | None = None
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
        return StorageBackends([_backend(entry, path.parent, alone=len(entries) == 1) for entry in entries])
    except (OSError, ValueError, Unavailable) as error:
        raise StartupError(f"storage configuration {path}: {_reason(error)}") from None


def _check(entries: Sequence[_Entry]) -> None:
    if not entries:
        raise ValueError("it lists no storage backend")
    ids = [entry.id for entry in entries]
    if repeated := next((storage_id for storage_id in ids if ids.count(storage_id) > 1), None):
        raise ValueError(f"the id {repeated} is given twice")
    if sum(bool(entry.default_storage) for entry in entries) > 1:
        raise ValueError("more than one backend has default_storage")
    for entry in entries:
        _check_addressing(entry)
        if entry.kms_key_id and entry.server_side_encryption is not ServerSideEncryption.KMS:
            raise ValueError(f"{entry.label}: kms_key_id needs server_side_encryption aws:kms")


def _check_addressing(entry: _Entry) -> None:
    """Refuse what the SDK would sign for another address, or for none."""
    if entry.addressing_style is AddressingStyle.PATH:
        return
    if "." in entry.bucket:
        # A certificate for *.host does not cover two labels.
        raise ValueError(f"{entry.label}: addressing_style virtual needs a bucket name without dots")
    if any(_is_address(url) for url in (entry.endpoint_url, entry.public_endpoint_url) if url):
        raise ValueError(f"{entry.label}: addressing_style virtual needs endpoints with host names")


def _is_address(url: str) -> bool:
    try:
        ip_address(urlsplit(url).hostname or "")
    except ValueError:
        return False
    return True


def _backend(entry: _Entry, folder: Path, *, alone: bool) -> StorageBackend:
    source = _source(entry, folder)
    return StorageBackend(
        id=entry.id,
        label=entry.label,
        provider=entry.provider,
        store_product=entry.store_product,
        region=entry.region,
        availability_zone=entry.availability_zone,
        tags=entry.tags,
        default_storage=alone if entry.default_storage is None else entry.default_storage,
        endpoint_url=entry.endpoint_url,
        public_endpoint_url=entry.public_endpoint_url or entry.endpoint_url,
        bucket=entry.bucket,
        prefix=entry.prefix,
        key_template=_key_template(entry),
        cdn_url=(entry.cdn_url or "").rstrip("/"),
        addressing_style=entry.addressing_style,
        storage_class=entry.storage_class,
        server_side_encryption=entry.server_side_encryption,
        kms_key_id=entry.kms_key_id,
        credentials=CredentialsInUse(source.look(), source),
        create_bucket=entry.create_bucket,
        cors_origins=entry.cors_origins,
        conditional_writes=_conditional_writes(entry.conditional_writes),
    )


def _key_template(entry: _Entry) -> KeyTemplate:
    if entry.key_template is None:
        return DEFAULT_TEMPLATE
    try:
        return KeyTemplate(entry.key_template)
    except ValueError as error:
        raise ValueError(f"{entry.label}: key_template: {error}") from None


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
