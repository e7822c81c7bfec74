"""Uploads in parts to a bucket in S3-compatible storage, with boto3 in a few threads of their own."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from botocore.exceptions import ClientError

from services.media.adapters.s3.client import object_parameters
from services.media.adapters.s3.faults import code_of
from services.media.adapters.s3.requests import S3Requests
from services.media.domain.circuit import REASON, Circuit
from services.media.domain.multipart_upload import (
    OpenUpload,
    StoredPart,
    UploadedPart,
    etag_of_parts,
    upload_not_found,
)
from services.media.domain.object import StoredSize
from services.media.domain.storage_backend import StorageBackend
from services.shared.errors import AlreadyExists, InvalidArgument, TamsError, Unavailable
from services.shared.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

T = TypeVar("T")

MAX_UPLOADS: Final = 10_000

_THREADS: Final = 2
# Storage puts the parts of an object together before it answers.
_COMPLETION_SECONDS: Final = 50
_PAGE: Final = 1000
_NO_UPLOAD: Final = {"NoSuchUpload", "404"}
_BAD_PARTS: Final = {"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML", "InvalidRequest"}
# ConditionalRequestConflict: another upload of the object is being completed.
_STORED: Final = {"PreconditionFailed", "ConditionalRequestConflict"}


class S3MultipartUploads:
    """Uploads to the bucket of one backend. Each call makes one attempt; callers may repeat it."""

    def __init__(
        self, backend: StorageBackend, metrics: Metrics | None = None, *, circuit: Circuit | None = None
    ) -> None:
        self._label, self._bucket = backend.label, backend.bucket
        self._parameters = object_parameters(backend)
        self._requests = S3Requests(backend, _THREADS, metrics, circuit=circuit)
        self._completions = S3Requests(
            backend, _THREADS, metrics, circuit=circuit, read_seconds=_COMPLETION_SECONDS
        )

    async def create(self, path: str, content_type: str) -> str:
        """Begin an upload of an object; returns its id."""

        def request(client: "S3Client") -> str:
            reply = client.create_multipart_upload(
                Bucket=self._bucket, Key=path, ContentType=content_type, **self._parameters
            )
            return reply["UploadId"]

        return await self._run(request)

    async def uploads(self, prefix: str) -> Sequence[OpenUpload]:
        """The open uploads to paths with this prefix, ascending by path, at most MAX_UPLOADS."""
        return await self._run(lambda client: list(_uploads(client, self._bucket, prefix)))

    async def parts(
        self, path: str, upload_id: str, after: int, limit: int
    ) -> tuple[Sequence[StoredPart], bool]:
        """Up to `limit` parts with numbers above `after`, ascending, and whether more follow."""

        def request(client: "S3Client") -> tuple[list[StoredPart], bool]:
            page = client.list_parts(
                Bucket=self._bucket, Key=path, UploadId=upload_id, PartNumberMarker=after, MaxParts=limit
            )
            # Some storage ignores the marker, and leaves IsTruncated out on the last page.
            parts = [
                StoredPart(part["PartNumber"], part["ETag"], part["Size"])
                for part in page.get("Parts", ())
                if part["PartNumber"] > after
            ]
            more = bool(page.get("Parts")) and page.get("IsTruncated", False)
            if more and not parts:
                raise Unavailable(f"storage {self._label} does not list parts in pages", reason=REASON)
            return parts, more

        return await self._run(request, upload_id)

    async def complete(self, path: str, upload_id: str, parts: Sequence[UploadedPart], *, once: bool) -> int:
        """Make the object of the parts; returns its size in bytes. With `once`, only if it does not exist.

        An object that exists and was made of these parts is a success: the reply before was lost.
        """

        def request(client: "S3Client") -> int:
            complete = client.complete_multipart_upload
            if once:
                complete = partial(complete, IfNoneMatch="*")
            chosen: list[CompletedPartTypeDef] = [
                {"PartNumber": part.number, "ETag": _quoted(part.etag)} for part in parts
            ]
            fault: ClientError | None = None
            try:
                complete(Bucket=self._bucket, Key=path, UploadId=upload_id, MultipartUpload={"Parts": chosen})
            except ClientError as error:
                if code_of(error) not in _STORED | _NO_UPLOAD:
                    raise
                fault = error
            stored = client.head_object(Bucket=self._bucket, Key=path)
            if fault is not None and stored["ETag"] != etag_of_parts(parts):
                raise fault
            return StoredSize(stored["ContentLength"], stored["ETag"])

        return await self._run(request, upload_id, self._completions)

    async def abort(self, path: str, upload_id: str) -> None:
        """End an upload and delete its parts; one that is not open is no error."""

        def request(client: "S3Client") -> None:
            try:
                client.abort_multipart_upload(Bucket=self._bucket, Key=path, UploadId=upload_id)
            except ClientError as error:
                if code_of(error) not in _NO_UPLOAD:
                    raise

        await self._run(request)

    def close(self) -> None:
        """Cancel calls that have not started; those in flight end within their timeouts."""
        self._requests.close()
        self._completions.close()

    async def _run(
        self, request: Callable[["S3Client"], T], upload_id: str = "", requests: S3Requests | None = None
    ) -> T:
        def translated(client: "S3Client") -> T:
            try:
                return request(client)
            except ClientError as error:
                raise (_own_error(error, upload_id) or error) from None

        return await (requests or self._requests).run(translated)


def _own_error(error: ClientError, upload_id: str) -> TamsError | None:
    """The error that callers get; None if the storage refuses or fails in a way that they cannot mend."""
    code = code_of(error)
    if code in _NO_UPLOAD:
        return upload_not_found(upload_id)
    if code in _BAD_PARTS and error.operation_name == "CompleteMultipartUpload":
        return InvalidArgument(
            "storage does not have these parts: one is missing, has another ETag, or is too small",
            reason="BAD_PARTS",
        )
    if code in _STORED:
        return AlreadyExists("the object has its bytes already", reason="OBJECT_STORED")
    return None


def _uploads(client: "S3Client", bucket: str, prefix: str) -> Iterator[OpenUpload]:
    found, key, upload_id = 0, "", ""
    while found < MAX_UPLOADS:
        page = client.list_multipart_uploads(
            Bucket=bucket, Prefix=prefix, MaxUploads=_PAGE, KeyMarker=key, UploadIdMarker=upload_id
        )
        uploads = page.get("Uploads", ())
        yield from (OpenUpload(each["UploadId"], each["Key"], each["Initiated"]) for each in uploads)
        found += len(uploads)
        if not uploads or not page.get("IsTruncated"):
            return
        # Some storage leaves out a marker.
        key = page.get("NextKeyMarker") or uploads[-1]["Key"]
        upload_id = page.get("NextUploadIdMarker") or uploads[-1]["UploadId"]


def _quoted(etag: str) -> str:
    return f'"{etag.strip(chr(34))}"'
