"""A bucket in S3-compatible storage, by boto3 in a few threads of its own.

Bytes never pass here: clients PUT and GET them with signed URLs.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from services.media.adapters.s3_listing import listed_sizes
from services.media.domain.storage_backend import StorageBackend
from services.shared.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CORSConfigurationTypeDef, CORSRuleTypeDef

T = TypeVar("T")

_log = logging.getLogger("tams.media")

_CONNECT_SECONDS: Final = 2
_READ_SECONDS: Final = 5
_MISSING: Final = {"404", "NoSuchBucket", "NoSuchKey", "NotFound"}
# A bucket that is missing is a mistake to be looked at, not a reason to forget what it should hold.
_GONE: Final = {"404", "NoSuchKey", "NotFound"}
_CREATED_BY_ANOTHER: Final = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}
# Stores that set CORS elsewhere answer the call with one of these.
_NOT_OFFERED: Final = {"NotImplemented", "MethodNotAllowed"}
_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}
# Whoever starts the service may have AWS tools set up; their profile is not ours.
_NO_PROFILE: Final = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
}
# The one region that S3 does not want named when a bucket is made.
_UNNAMED_REGION: Final = "us-east-1"


class S3Storage:
    """The bucket of one backend. One try a call: callers know better when to come again."""

    def __init__(self, backend: StorageBackend, threads: int) -> None:
        self._backend = backend
        self._client = _client(backend, threads)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="s3")

    async def prepare(self) -> None:
        """See that the bucket is there; make it and set its CORS rules if that is wanted."""
        await self._in_thread(self._prepare)

    async def listed(self, paths: Sequence[str]) -> dict[str, int | None]:
        """Sizes, None for what is not there, of paths that lie close together. Raises Unavailable."""
        return await self._in_thread(lambda: listed_sizes(self._client, self._backend.bucket, paths))

    async def size(self, path: str) -> int | None:
        """Size of an object in bytes, None when it is not there. Raises Unavailable."""
        return await self._in_thread(lambda: self._size(path))

    async def delete(self, path: str) -> None:
        """Delete an object; one that is not there is gone already. Raises Unavailable."""
        await self._in_thread(lambda: self._delete(path))

    def close(self) -> None:
        """Drop what has not begun; a request in flight ends within its timeouts."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"storage {self._backend.label}: {error}") from None

    def _prepare(self) -> None:
        if not self._backend.create_bucket:
            self._client.head_bucket(Bucket=self._backend.bucket)
            return
        self._ensure_bucket()
        self._set_cors()

    def _ensure_bucket(self) -> None:
        try:
            self._client.head_bucket(Bucket=self._backend.bucket)
        except ClientError as error:
            if _code(error) not in _MISSING:
                raise
            self._create_bucket()

    def _create_bucket(self) -> None:
        region = self._backend.signing_region
        try:
            if region == _UNNAMED_REGION:
                self._client.create_bucket(Bucket=self._backend.bucket)
            else:
                self._client.create_bucket(
                    Bucket=self._backend.bucket,
                    CreateBucketConfiguration={"LocationConstraint": region},  # type: ignore[typeddict-item] # the stubs list AWS regions only
                )
        except ClientError as error:
            if _code(error) not in _CREATED_BY_ANOTHER:
                raise

    def _set_cors(self) -> None:
        rules: CORSConfigurationTypeDef = {"CORSRules": [self._cors_rule()]}
        try:
            self._client.put_bucket_cors(Bucket=self._backend.bucket, CORSConfiguration=rules)
        except ClientError as error:
            if _code(error) not in _NOT_OFFERED:
                raise
            _log.warning("storage takes no CORS rules", extra={"storage": self._backend.label})

    def _cors_rule(self) -> "CORSRuleTypeDef":
        return {
            "AllowedOrigins": list(self._backend.cors_origins),
            "AllowedMethods": ["GET", "PUT", "HEAD"],
            "AllowedHeaders": ["Range", "Content-Type"],
            "ExposeHeaders": ["ETag", "Content-Range", "Accept-Ranges"],
            "MaxAgeSeconds": 3600,
        }

    def _size(self, path: str) -> int | None:
        try:
            return self._client.head_object(Bucket=self._backend.bucket, Key=path)["ContentLength"]
        except ClientError as error:
            if _code(error) in _MISSING:
                return None
            raise

    def _delete(self, path: str) -> None:
        try:
            self._client.delete_object(Bucket=self._backend.bucket, Key=path)
        except ClientError as error:
            if _code(error) not in _GONE:
                raise


def _client(backend: StorageBackend, threads: int) -> "S3Client":
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
            read_timeout=_READ_SECONDS,
            retries={"total_max_attempts": 1},
            max_pool_connections=threads,
            proxies={} if urlsplit(backend.endpoint_url).hostname in _LOOPBACK else None,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
