"""Uploads in parts over real gRPC to real object storage."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tams.media.v1 import multipart_upload_service_pb2 as pb
from tams.media.v1.multipart_upload_service_pb2_grpc import MultipartUploadServiceStub

from services.media.domain.multipart_upload import MIN_PART_BYTES
from services.media.domain.object import ObjectLocation, Reservation
from services.shared.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from services.shared.rpc.client import call
from tests.rpc.media.conftest import Media, Serve
from tests.support.processes.polling import until
from tests.support.storage.seaweedfs import SeaweedFS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from tams.media.v1.multipart_upload_service_pb2_grpc import MultipartUploadServiceAsyncStub

FIRST = b"a" * MIN_PART_BYTES
SECOND = b"the end"


@dataclass(frozen=True)
class Uploads:
    """The client of the service, with an allocated object."""

    stub: "MultipartUploadServiceAsyncStub"
    media: Media
    location: ObjectLocation
    http: httpx.AsyncClient

    @property
    def object_id(self) -> str:
        return self.location.object_id

    async def create(self) -> str:
        message = pb.CreateMultipartUploadRequest(object_id=self.object_id)
        return (await call(self.stub.CreateMultipartUpload, message)).upload_id

    async def put(self, upload_id: str, **parts: bytes) -> dict[int, str]:
        """PUT parts, such as p1=b"..."; the ETag of each by its number."""
        numbers = [int(name[1:]) for name in parts]
        message = pb.SignPartsRequest(object_id=self.object_id, upload_id=upload_id, part_numbers=numbers)
        urls = (await call(self.stub.SignParts, message)).urls
        etags = {}
        for number, url, content in zip(numbers, urls, parts.values(), strict=True):
            response = await self.http.put(url, content=content)
            assert response.status_code == 200, response.text
            etags[number] = response.headers["etag"]
        return etags

    async def complete(self, upload_id: str, etags: dict[int, str] | None = None) -> int:
        parts = [pb.UploadedPart(part_number=number, etag=etag) for number, etag in (etags or {}).items()]
        message = pb.CompleteMultipartUploadRequest(
            object_id=self.object_id, upload_id=upload_id, parts=parts
        )
        return (await call(self.stub.CompleteMultipartUpload, message)).size

    async def abort(self, upload_id: str) -> None:
        message = pb.AbortMultipartUploadRequest(object_id=self.object_id, upload_id=upload_id)
        await call(self.stub.AbortMultipartUpload, message)

    async def open(self) -> list[str]:
        message = pb.ListMultipartUploadsRequest(object_id=self.object_id)
        return [upload.upload_id for upload in (await call(self.stub.ListMultipartUploads, message)).uploads]

    async def parts(self, upload_id: str, **page: Any) -> pb.ListPartsResponse:
        message = pb.ListPartsRequest(object_id=self.object_id, upload_id=upload_id, **page)
        return await call(self.stub.ListParts, message)


async def uploads_of(media: Media, http: httpx.AsyncClient, object_id: str = "large one") -> Uploads:
    location = ObjectLocation(object_id, media.backend["id"], f"2026/03/04/{object_id.replace(' ', '~20')}")
    await media.registry.reserve([Reservation("flow", [location])])
    stub = MultipartUploadServiceStub(media.channel)
    return Uploads(stub, media, location, http)


@pytest.fixture
def s3(seaweedfs: SeaweedFS) -> Iterator["S3Client"]:
    client = seaweedfs.client()
    yield client
    client.close()


@pytest.fixture
async def uploads(media: Media, http: httpx.AsyncClient) -> Uploads:
    return await uploads_of(media, http)


async def test_an_object_is_made_of_its_parts(uploads: Uploads, s3: "S3Client") -> None:
    upload_id = await uploads.create()
    assert await uploads.open() == [upload_id]
    # In any order, and the last of several attempts counts.
    await uploads.put(upload_id, p2=b"overwritten")
    etags = await uploads.put(upload_id, p2=SECOND, p1=FIRST)
    assert await uploads.complete(upload_id, dict(sorted(etags.items()))) == len(FIRST + SECOND)
    stored = s3.get_object(Bucket=uploads.media.backend["bucket"], Key=uploads.location.storage_path)
    assert stored["ContentType"] == "video/mp2t"
    assert stored["Body"].read() == FIRST + SECOND
    assert await uploads.open() == []
    await until(lambda: uploads.media.registry.sizes.get(uploads.object_id) == len(FIRST + SECOND))


async def test_without_a_list_an_object_is_made_of_all_parts_in_storage(uploads: Uploads) -> None:
    upload_id = await uploads.create()
    await uploads.put(upload_id, p1=FIRST, p3=SECOND)
    assert await uploads.complete(upload_id) == len(FIRST + SECOND)


async def test_parts_are_listed_in_pages(uploads: Uploads) -> None:
    upload_id = await uploads.create()
    etags = await uploads.put(upload_id, p1=b"1", p2=b"22", p9=b"333")
    first = await uploads.parts(upload_id, page_size=2)
    assert [(part.part_number, part.size) for part in first.parts] == [(1, 1), (2, 2)]
    second = await uploads.parts(upload_id, page_size=2, page_token=first.next_page_token)
    assert [(part.part_number, part.etag) for part in second.parts] == [(9, etags[9])]
    assert (second.next_page_token, second.page_size) == ("", 2)
    with pytest.raises(InvalidArgument) as raised:
        await uploads.parts(upload_id, page_token="x")
    assert raised.value.reason == "BAD_PAGE_TOKEN"


async def test_a_completion_whose_reply_was_lost_can_be_repeated(uploads: Uploads) -> None:
    upload_id = await uploads.create()
    etags = await uploads.put(upload_id, p1=b"1")
    for _ in range(2):
        assert await uploads.complete(upload_id, etags) == 1


async def test_an_object_that_has_its_bytes_is_not_overwritten(uploads: Uploads) -> None:
    first, second = await uploads.create(), await uploads.create()
    await uploads.put(first, p1=b"first")
    await uploads.put(second, p1=b"the second")
    assert await uploads.complete(first) == 5
    with pytest.raises(AlreadyExists) as raised:
        await uploads.complete(second)
    assert raised.value.reason == "OBJECT_STORED"


async def test_parts_that_storage_does_not_have_are_refused(uploads: Uploads) -> None:
    upload_id = await uploads.create()
    with pytest.raises(InvalidArgument) as raised:
        await uploads.complete(upload_id)
    assert raised.value.reason == "BAD_PARTS"
    await uploads.put(upload_id, p1=b"1")
    for etags in ({1: "0" * 32}, {2: "0" * 32}):
        with pytest.raises(InvalidArgument) as raised:
            await uploads.complete(upload_id, etags)
        assert raised.value.reason == "BAD_PARTS"
    assert await uploads.complete(upload_id) == 1


async def test_an_aborted_upload_is_not_found(uploads: Uploads) -> None:
    upload_id = await uploads.create()
    await uploads.put(upload_id, p1=b"1")
    for _ in range(2):
        await uploads.abort(upload_id)
    assert await uploads.open() == []
    for calling in (uploads.complete(upload_id), uploads.parts(upload_id)):
        with pytest.raises(NotFound) as raised:
            await calling
        assert raised.value.reason == "UPLOAD_NOT_FOUND"


async def test_a_registered_object_cannot_be_uploaded(uploads: Uploads) -> None:
    upload_id = await uploads.create()
    await uploads.put(upload_id, p1=b"1")
    uploads.media.registry.registered.add(uploads.object_id)
    for calling in (uploads.create(), uploads.complete(upload_id), uploads.put(upload_id, p2=b"2")):
        with pytest.raises(FailedPrecondition) as raised:
            await calling
        assert raised.value.reason == "OBJECT_REGISTERED"


@pytest.mark.parametrize("use", [Uploads.complete, Uploads.abort, Uploads.parts, Uploads.put])
async def test_a_malformed_upload_id_is_refused(uploads: Uploads, use: Callable[..., Any]) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await use(uploads, "a?partNumber=1")
    assert raised.value.reason == "BAD_UPLOAD"


async def test_objects_on_a_backend_that_is_not_configured_cannot_be_uploaded(uploads: Uploads) -> None:
    elsewhere = ObjectLocation("elsewhere", "5e0b1a0e-7c1d-4b5e-9a52-000000000000", "2026/03/04/elsewhere")
    await uploads.media.registry.reserve([Reservation("flow", [elsewhere])])
    with pytest.raises(InvalidArgument) as raised:
        await Uploads(uploads.stub, uploads.media, elsewhere, uploads.http).create()
    assert raised.value.reason == "UNKNOWN_STORAGE"


async def test_an_upload_says_when_it_expires(uploads: Uploads) -> None:
    message = pb.CreateMultipartUploadRequest(object_id=uploads.object_id)
    reply = await call(uploads.stub.CreateMultipartUpload, message)
    left = reply.expiry.ToDatetime(UTC) - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(hours=24)
    assert (reply.min_part_bytes, reply.max_parts) == (MIN_PART_BYTES, 10_000)


async def test_expired_uploads_are_aborted_and_uploads_of_others_are_left_alone(
    serve: Serve, backend: dict[str, Any], http: httpx.AsyncClient, s3: "S3Client"
) -> None:
    async with serve(backend, multipart_expiry_seconds=1) as media:
        uploads = await uploads_of(media, http)
        bucket = media.backend["bucket"]
        s3.create_multipart_upload(Bucket=bucket, Key="reports/2026.csv")
        await uploads.create()
        await until(lambda: not s3.list_multipart_uploads(Bucket=bucket, Prefix="2026/").get("Uploads"))
        left = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
        assert [upload["Key"] for upload in left] == ["reports/2026.csv"]


async def test_open_uploads_end_when_their_object_is_reclaimed(
    serve: Serve, backend: dict[str, Any], http: httpx.AsyncClient, s3: "S3Client"
) -> None:
    async with serve(backend) as media:
        uploads = await uploads_of(media, http)
        await uploads.create()
    bucket = media.backend["bucket"]
    assert len(s3.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 1
    async with serve(backend, reclaim_idle_seconds=0.1) as media:
        await until(lambda: not media.registry.idle and not media.registry.claimed)
        assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads") is None
