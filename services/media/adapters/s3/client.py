"""The client of the bucket of one backend, from boto3."""

import os
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials

from services.media.domain.credentials import CredentialsInUse
from services.media.domain.storage_backend import StorageBackend

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CONNECT_SECONDS: Final = 2
READ_SECONDS: Final = 5
_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}
# The user who starts the service may have configured AWS tools; their profile must not apply here.
_NO_PROFILE: Final = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
}


def open_client(
    backend: StorageBackend, threads: int, attempts: int = 1, *, read_seconds: float = READ_SECONDS
) -> "S3Client":
    """A client with up to `threads` connections. A call makes up to `attempts`, with growing pauses.

    Each request is signed with the credentials that are in use then. The storage has `read_seconds` for each
    part of its answer.
    """
    botocore_session = botocore.session.Session(_NO_PROFILE)
    botocore_session.register_component("credential_provider", _Provider(backend.credentials))
    session = boto3.session.Session(botocore_session=botocore_session)
    return session.client(
        "s3",
        endpoint_url=backend.endpoint_url,
        region_name=backend.signing_region,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": backend.addressing_style.value},
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=read_seconds,
            retries={"total_max_attempts": attempts, "mode": "standard"},
            max_pool_connections=threads,
            proxies={} if urlsplit(backend.endpoint_url).hostname in _LOOPBACK else None,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def object_parameters(backend: StorageBackend) -> dict[str, Any]:
    """The parameters of the SDK that say how storage keeps new objects."""
    parameters = {
        "StorageClass": backend.storage_class,
        "ServerSideEncryption": backend.server_side_encryption,
        "SSEKMSKeyId": backend.kms_key_id,
    }
    return {name: str(value) for name, value in parameters.items() if value}


class _Provider:
    """Gives a session the credentials in use, instead of botocore's chain of providers."""

    def __init__(self, in_use: CredentialsInUse) -> None:
        self._in_use = in_use

    def load_credentials(self) -> Credentials:
        """Called once for each session."""
        return _Present(self._in_use)


class _Present(Credentials):
    """Credentials that botocore asks for each request for the present ones."""

    def __init__(self, in_use: CredentialsInUse) -> None:
        super().__init__("", "")
        self._in_use = in_use

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Those with which the request is signed."""
        current = self._in_use.current
        return ReadOnlyCredentials(current.access_key, current.secret_key, current.session_token or None)
