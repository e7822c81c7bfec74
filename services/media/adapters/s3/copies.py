"""Reads, writes and copies whole objects in a bucket, for copies between storage backends."""

import base64
import hashlib
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

from botocore.exceptions import ClientError

from services.media.adapters.s3.client import object_parameters
from services.media.adapters.s3.faults import code_of
from services.media.adapters.s3.requests import S3Requests
from services.media.domain.circuit import Circuit
from services.media.domain.copy import StoredBytes
from services.media.domain.multipart_upload import UploadedPart
from services.media.domain.storage_backend import ServerSideEncryption, StorageBackend
from services.shared.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

# Storage copies up to 5 GiB before it answers.
_READ_SECONDS: Final = 300
_MISSING: Final = {"404", "NoSuchKey", "NotFound"}
# The ETag of an object that storage encrypts with other keys than its own is no MD5.
_OWN_KEYS: Final = (None, ServerSideEncryption.AES256.value)
_NO_TYPE: Final = "application/octet-stream"


class S3Copies:
    """The bucket of one backend. Each call makes one attempt; callers may repeat it."""

    def __init__(
        self,
        backend: StorageBackend,
        threads: int,
        metrics: Metrics | None = None,
        *,
        circuit: Circuit | None = None,
    ) -> None:
        self._bucket = backend.bucket
        self._parameters = object_parameters(backend)
        self._requests = S3Requests(backend, threads, metrics, circuit=circuit, read_seconds=_READ_SECONDS)

    async def find(self, path: str) -> StoredBytes | None:
        """The facts that storage has about an object; None if it does not exist."""

        def request(client: "S3Client") -> StoredBytes | None:
            try:
                reply = client.head_object(Bucket=self._bucket, Key=path)
            except ClientError as error:
                if code_of(error) in _MISSING:
                    return None
                raise
            return StoredBytes(
                reply["ContentLength"],
                reply["ETag"],
                reply.get("ContentType", _NO_TYPE),
                is_md5=reply.get("ServerSideEncryption") in _OWN_KEYS,
            )

        return await self._requests.run(request)

    async def read(self, path: str, first: int, size: int, etag: str) -> bytes:
        """`size` bytes from `first` on, of the object with this ETag."""
        if not size:
            return b""

        def request(client: "S3Client") -> bytes:
            reply = client.get_object(
                Bucket=self._bucket, Key=path, Range=f"bytes={first}-{first + size - 1}", IfMatch=etag
            )
            return reply["Body"].read()

        return await self._requests.run(request)

    async def put(self, path: str, content: bytes, content_type: str) -> None:
        """Store an object, in place of one that exists."""

        def request(client: "S3Client") -> None:
            client.put_object(
                Bucket=self._bucket,
                Key=path,
                Body=content,
                ContentType=content_type,
                ContentMD5=_md5(content),
                **self._parameters,
            )

        await self._requests.run(request)

    async def put_part(self, path: str, upload_id: str, number: int, content: bytes) -> UploadedPart:
        """Store a part of an upload."""

        def request(client: "S3Client") -> UploadedPart:
            reply = client.upload_part(
                Bucket=self._bucket,
                Key=path,
                UploadId=upload_id,
                PartNumber=number,
                Body=content,
                ContentMD5=_md5(content),
            )
            return UploadedPart(number, reply["ETag"])

        return await self._requests.run(request)

    async def copy(self, path: str, bucket: str, source: str, etag: str) -> bool:
        """Have storage copy an object of another bucket; False if storage does not do that."""

        def request(client: "S3Client") -> bool:
            client.copy_object(
                Bucket=self._bucket,
                Key=path,
                CopySource={"Bucket": bucket, "Key": source},
                CopySourceIfMatch=etag,
                **self._parameters,
            )
            return True

        return await self._requests.run(_unless_refused(request, instead=False))

    async def copy_part(
        self, path: str, upload_id: str, number: int, source: tuple[str, str, str], span: tuple[int, int]
    ) -> UploadedPart | None:
        """Have storage copy a part; None if storage does not do that."""
        (bucket, key, etag), (first, size) = source, span

        def request(client: "S3Client") -> UploadedPart | None:
            reply = client.upload_part_copy(
                Bucket=self._bucket,
                Key=path,
                UploadId=upload_id,
                PartNumber=number,
                CopySource={"Bucket": bucket, "Key": key},
                CopySourceIfMatch=etag,
                CopySourceRange=f"bytes={first}-{first + size - 1}",
            )
            return UploadedPart(number, reply["CopyPartResult"]["ETag"])

        return await self._requests.run(_unless_refused(request, instead=None))

    def close(self) -> None:
        """Cancel calls that have not started; those in flight end within their timeouts."""
        self._requests.close()


def _unless_refused(request: Callable[["S3Client"], T], *, instead: T) -> Callable[["S3Client"], T]:
    """The request, with another result where the key has no right to it, or storage does not offer it."""

    def tried(client: "S3Client") -> T:
        try:
            return request(client)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status < HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.NOT_IMPLEMENTED:
                return instead
            raise

    return tried


def _md5(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
