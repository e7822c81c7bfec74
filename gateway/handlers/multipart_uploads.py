"""`/x/objects/{objectId}/uploads`: uploads of large objects in parts."""

from http import HTTPStatus
from typing import Final

from tams.media.v1 import multipart_upload_service_pb2 as pb

from gateway.clients.services import Services
from gateway.codecs import multipart_upload
from gateway.http import responses
from gateway.http.paging import Paging
from gateway.http.requests import Request
from gateway.http.responses import Header, Response
from gateway.http.wire.body import BodyReader
from services.shared.rpc.client import call

# Storage puts many parts together.
_COMPLETE_SECONDS: Final = 60.0
# Signed URLs let who has them write.
_NOT_STORED: Final[Header] = ("cache-control", "no-store")


class MultipartUploads:
    """Handlers that begin, list, complete and abort uploads."""

    def __init__(self, services: Services, bodies: BodyReader, paging: Paging) -> None:
        self._uploads = services.multipart_uploads
        self._bodies = bodies
        self._paging = paging

    async def post(self, request: Request, object_id: str) -> Response:
        """POST /x/objects/{objectId}/uploads: 201 with the new upload."""
        message = pb.CreateMultipartUploadRequest(object_id=object_id)
        reply = await call(self._uploads.CreateMultipartUpload, message)
        return responses.json(multipart_upload.new_document(reply), status=HTTPStatus.CREATED)

    async def list(self, request: Request, object_id: str) -> Response:
        """GET /x/objects/{objectId}/uploads."""
        message = pb.ListMultipartUploadsRequest(object_id=object_id)
        reply = await call(self._uploads.ListMultipartUploads, message)
        return responses.json(multipart_upload.listing(reply))

    async def delete(self, request: Request, object_id: str, upload_id: str) -> Response:
        """DELETE /x/objects/{objectId}/uploads/{uploadId}: 204, also if it is not open."""
        message = pb.AbortMultipartUploadRequest(object_id=object_id, upload_id=upload_id)
        await call(self._uploads.AbortMultipartUpload, message)
        return responses.no_content()

    async def parts(self, request: Request, object_id: str, upload_id: str) -> Response:
        """GET /x/objects/{objectId}/uploads/{uploadId}/parts."""
        query = request.query()
        message = pb.ListPartsRequest(
            object_id=object_id, upload_id=upload_id, page_size=query.limit(), page_token=query.page()
        )
        page = await call(self._uploads.ListParts, message)
        headers = self._paging.headers(request, query, limit=page.page_size, next_token=page.next_page_token)
        return responses.json(multipart_upload.parts(page), headers)

    async def sign(self, request: Request, object_id: str, upload_id: str) -> Response:
        """POST /x/objects/{objectId}/uploads/{uploadId}/part-urls: 200 with the URL of each part."""
        async with self._bodies.read(request) as body:
            numbers = multipart_upload.part_numbers(body)
        message = pb.SignPartsRequest(object_id=object_id, upload_id=upload_id, part_numbers=numbers)
        reply = await call(self._uploads.SignParts, message)
        return responses.json(multipart_upload.part_urls(numbers, reply.urls), (_NOT_STORED,))

    async def complete(self, request: Request, object_id: str, upload_id: str) -> Response:
        """POST /x/objects/{objectId}/uploads/{uploadId}/complete: 200 with the size of the object."""
        async with self._bodies.read(request) as body:
            message = multipart_upload.complete_request(object_id, upload_id, body)
        reply = await call(self._uploads.CompleteMultipartUpload, message, timeout=_COMPLETE_SECONDS)
        return responses.json(multipart_upload.completed(reply))
