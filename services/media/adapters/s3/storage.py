"""A bucket in S3-compatible storage, with boto3 in a few threads of its own.

The bytes of objects do not pass through this process: clients PUT and GET them with signed URLs.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

from botocore.exceptions import ClientError

from services.media.adapters.s3.access import BucketAccess, is_forbidden
from services.media.adapters.s3.client import open_client
from services.media.adapters.s3.cors import cors_rule
from services.media.adapters.s3.faults import S3_ERRORS, code_of, is_fault, meaning
from services.media.adapters.s3.listing import WORTH_A_LISTING, Listings
from services.media.adapters.s3.requests import S3Requests
from services.media.domain.circuit import Circuit
from services.media.domain.credentials import Credentials, CredentialsInUse
from services.media.domain.object import StoredSize
from services.media.domain.storage_backend import StorageBackend
from services.media.domain.storage_path import is_storage_path
from services.shared.errors import Unavailable
from services.shared.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CORSConfigurationTypeDef

T = TypeVar("T")

_log = logging.getLogger(__name__)

_SHOWN_CHARACTERS: Final = 80
_MAX_LOGGED: Final = 1000
_MISSING: Final = {"404", "NoSuchBucket", "NoSuchKey", "NotFound"}
# Without NoSuchBucket: if the bucket is missing, its objects must not count as deleted.
_DELETED: Final = {"404", "NoSuchKey", "NotFound"}
_CREATED_BY_ANOTHER: Final = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}
# The answers to credentials that are wrong, unknown or expired.
_REFUSALS: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
# The answers of storage that configures CORS in another way. Some takes it for a request to make a bucket.
_NO_CORS: Final = {"NotImplemented", "MethodNotAllowed"} | _CREATED_BY_ANOTHER
# The region that S3 does not accept as a location when a bucket is created.
_UNNAMED_REGION: Final = "us-east-1"


class S3Storage:
    """The bucket of one backend. Each call makes one attempt, because its callers decide about retries."""

    def __init__(
        self,
        backend: StorageBackend,
        threads: int,
        metrics: Metrics | None = None,
        *,
        circuit: Circuit | None = None,
    ) -> None:
        self._backend = backend
        self._circuit = circuit
        # Invalid paths; each is logged once.
        self._logged: set[str] = set()
        self._requests = S3Requests(backend, threads, metrics, circuit=circuit)
        self._client = self._requests.client
        self._access = BucketAccess(backend, self._client)
        self._listings = Listings(backend, self._client)

    async def prepare(self) -> None:
        """Check that the bucket exists, or create it and set its CORS rules. Raises Unavailable."""
        await self._requests.run_always(lambda _: self._prepare())

    async def check(self) -> None:
        """Check that the bucket answers. Raises Unavailable; the text does not name the storage.

        The circuit does not keep a check back. One that succeeds ends the pause of an open circuit.
        """
        await self._requests.run_always(lambda _: self._check())
        if self._circuit is not None:
            self._circuit.end_pause()

    async def accepts(self, credentials: Credentials) -> bool:
        """Whether these credentials, instead of those in use, give access. Raises Unavailable."""
        return await self._requests.run_always(lambda _: self._accepts(credentials))

    async def list_sizes(self, paths: Sequence[str]) -> dict[str, int | None]:
        """Sizes in bytes, None for missing objects, of paths that are close together. Raises Unavailable."""
        keys = [path for path in paths if is_storage_path(path)]
        if len(keys) < WORTH_A_LISTING:
            return {}
        return await self._in_thread(lambda: self._listings.sizes(keys))

    async def size(self, path: str) -> int | None:
        """The size of an object in bytes, None if it does not exist. Raises Unavailable."""
        return await self._in_thread(lambda: self._size(path)) if self._is_key(path) else None

    async def delete(self, path: str) -> None:
        """Delete an object; a missing object is no error. Raises Unavailable."""
        if self._is_key(path):
            await self._in_thread(lambda: self._delete(path))

    def close(self) -> None:
        """Cancel calls that have not started; those in flight end within their timeouts."""
        self._requests.close()

    def _is_key(self, path: str) -> bool:
        """True if the path is a valid key. An invalid one could address another object, or the bucket."""
        if is_storage_path(path):
            return True
        if path not in self._logged and len(self._logged) < _MAX_LOGGED:
            self._logged.add(path)
            fields = {"storage": self._backend.label, "path": path[:_SHOWN_CHARACTERS]}
            _log.warning("a storage path is not a valid key", extra=fields)
        return False

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await self._requests.run(lambda _: function())

    def _check(self) -> None:
        try:
            self._access.check()
        except S3_ERRORS as error:
            raise Unavailable(meaning(error)) from error

    def _accepts(self, credentials: Credentials) -> bool:
        client = open_client(replace(self._backend, credentials=CredentialsInUse(credentials)), 1)
        try:
            BucketAccess(self._backend, client).check()
        except ClientError as error:
            if is_fault(error):
                raise
            return error.response["ResponseMetadata"]["HTTPStatusCode"] not in _REFUSALS
        finally:
            client.close()
        return True

    def _prepare(self) -> None:
        try:
            self._access.check()
        except ClientError as error:
            if not self._backend.create_bucket or code_of(error) not in _MISSING:
                raise
            self._create_bucket()
        if self._backend.create_bucket:
            self._set_cors()

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
            if code_of(error) not in _CREATED_BY_ANOTHER:
                raise

    def _set_cors(self) -> None:
        rules: CORSConfigurationTypeDef = {"CORSRules": [cors_rule(self._backend.cors_origins)]}
        try:
            self._client.put_bucket_cors(Bucket=self._backend.bucket, CORSConfiguration=rules)
        except ClientError as error:
            if code_of(error) not in _NO_CORS and not is_forbidden(error):
                raise
            fields = {"storage": self._backend.label, "reason": code_of(error)}
            _log.warning("storage does not accept CORS rules", extra=fields)

    def _size(self, path: str) -> int | None:
        try:
            found = self._client.head_object(Bucket=self._backend.bucket, Key=path)
            return StoredSize(found["ContentLength"], found.get("ETag", ""))
        except ClientError as error:
            if code_of(error) in _MISSING or self._access.hides_missing(error):
                return None
            raise

    def _delete(self, path: str) -> None:
        try:
            self._client.delete_object(Bucket=self._backend.bucket, Key=path)
        except ClientError as error:
            if code_of(error) not in _DELETED:
                raise
