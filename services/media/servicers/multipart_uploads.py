"""The gRPC service MultipartUploadService."""

from datetime import datetime
from functools import partial

from google.protobuf.timestamp_pb2 import Timestamp
from tams.media.v1 import multipart_upload_service_pb2 as pb
from tams.media.v1 import multipart_upload_service_pb2_grpc

from services.media.application.multipart_uploads import MultipartUploads
from services.media.application.ports import Clock
from services.media.domain.multipart_upload import MAX_PART_BYTES, MAX_PARTS, MIN_PART_BYTES, UploadedPart
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration


class MultipartUploadServicer(multipart_upload_service_pb2_grpc.MultipartUploadServiceServicer):
    """Translates between messages and MultipartUploads."""

    def __init__(self, uploads: MultipartUploads, clock: Clock) -> None:
        self._uploads = uploads
        self._clock = clock

    async def CreateMultipartUpload(
        self, request: pb.CreateMultipartUploadRequest, context: Context
    ) -> pb.CreateMultipartUploadResponse:
        """Begin an upload."""
        began = self._clock()
        upload_id = await self._uploads.create(request.object_id)
        return pb.CreateMultipartUploadResponse(
            upload_id=upload_id,
            min_part_bytes=MIN_PART_BYTES,
            max_part_bytes=MAX_PART_BYTES,
            max_parts=MAX_PARTS,
            expiry=_timestamp(self._uploads.expiry(began)),
        )

    async def ListMultipartUploads(
        self, request: pb.ListMultipartUploadsRequest, context: Context
    ) -> pb.ListMultipartUploadsResponse:
        """The open uploads of an object."""
        uploads = [
            pb.MultipartUpload(
                upload_id=upload.id,
                created=_timestamp(upload.created),
                expiry=_timestamp(self._uploads.expiry(upload.created)),
            )
            for upload in await self._uploads.open(request.object_id)
        ]
        return pb.ListMultipartUploadsResponse(uploads=uploads)

    async def SignParts(self, request: pb.SignPartsRequest, context: Context) -> pb.SignPartsResponse:
        """Sign URLs to PUT parts."""
        urls = await self._uploads.sign(request.object_id, request.upload_id, request.part_numbers)
        return pb.SignPartsResponse(urls=urls)

    async def ListParts(self, request: pb.ListPartsRequest, context: Context) -> pb.ListPartsResponse:
        """One page of the parts that storage has."""
        page = await self._uploads.parts(
            request.object_id, request.upload_id, request.page_size, request.page_token
        )
        parts = [pb.StoredPart(part_number=number, etag=etag, size=size) for number, etag, size in page.parts]
        return pb.ListPartsResponse(parts=parts, next_page_token=page.next_token, page_size=page.size)

    async def CompleteMultipartUpload(
        self, request: pb.CompleteMultipartUploadRequest, context: Context
    ) -> pb.CompleteMultipartUploadResponse:
        """Make the object of its parts."""
        parts = [UploadedPart(part.part_number, part.etag) for part in request.parts]
        size = await self._uploads.complete(request.object_id, request.upload_id, parts)
        return pb.CompleteMultipartUploadResponse(size=size)

    async def AbortMultipartUpload(
        self, request: pb.AbortMultipartUploadRequest, context: Context
    ) -> pb.AbortMultipartUploadResponse:
        """End an upload and delete its parts."""
        await self._uploads.abort(request.object_id, request.upload_id)
        return pb.AbortMultipartUploadResponse()


def registration(uploads: MultipartUploads, clock: Clock) -> Registration:
    """The service to add to a server."""
    add = multipart_upload_service_pb2_grpc.add_MultipartUploadServiceServicer_to_server
    return (
        pb.DESCRIPTOR.services_by_name["MultipartUploadService"],
        partial(add, MultipartUploadServicer(uploads, clock)),
    )


def _timestamp(instant: datetime | None) -> Timestamp | None:
    if instant is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(instant)
    return timestamp
