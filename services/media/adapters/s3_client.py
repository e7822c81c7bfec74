"""The client of the bucket of one backend, from boto3."""

import os
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config

from services.media.domain.storage_backend import StorageBackend

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CONNECT_SECONDS: Final = 2
_READ_SECONDS: Final = 5
_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}
# The user who starts the service may have configured AWS tools; their profile must not apply here.
_NO_PROFILE: Final = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
}


def open_client(backend: StorageBackend, threads: int, *, read_seconds: float = _READ_SECONDS) -> "S3Client":
    """A client with up to `threads` connections. Each call makes one attempt.

    The storage has `read_seconds` for each part of its answer.
    """
    session = boto3.session.Session(botocore_session=botocore.session.Session(_NO_PROFILE))
    return session.client(
        "s3",
        endpoint_url=backend.endpoint_url,
        region_name=backend.signing_region,
        aws_access_key_id=backend.credentials.access_key,
        aws_secret_access_key=backend.credentials.secret_key,
        aws_session_token=backend.credentials.session_token or None,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=read_seconds,
            retries={"total_max_attempts": 1},
            max_pool_connections=threads,
            proxies={} if urlsplit(backend.endpoint_url).hostname in _LOOPBACK else None,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
