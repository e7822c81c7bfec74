"""The HTTP API of a store as typed calls."""

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

from mediatimestamp import TimeRange

from client.api import codec, replies
from client.api.accounts import Accounts
from client.api.administration import Administration
from client.api.analytics import Coverage, DuplicateReport, ObjectAccesses, StorageUsage
from client.api.audit import AuditLog
from client.api.connection import Connection
from client.api.media import Media
from client.api.models import (
    Allocation,
    DeletionRequest,
    FailedSegment,
    Flow,
    HttpRequest,
    MediaObject,
    NewSegment,
    Segment,
    Service,
    Source,
    StorageBackend,
)
from client.api.object_copies import ObjectCopies
from client.api.playback import Playback
from client.api.reconciliation import Reconciliation
from client.api.target import Target
from client.api.tracing import RequestTrace
from client.api.trash import Trash
from client.api.unused_objects import UnusedObjects
from client.api.uploads.file_uploads import FileUploads
from client.api.uploads.multipart_uploads import MultipartUploads

PAGE_LIMIT: Final = 300


class TamsClient:
    """The API of one store; an async context manager that holds its connections.

    `target` is the store, or the address of its API's root, which may have a path; ValueError if it is not an
    http URL. Only the API gets the target's credentials: object storage does not, nor does another origin.
    Calls raise the errors of `client.api.errors`. A request that is safe to repeat is repeated while the
    store is busy or unreachable, up to `attempts` attempts. With a `trace` all requests belong to it; else
    the store begins one for each.
    """

    def __init__(self, target: str | Target, *, attempts: int = 6, trace: RequestTrace | None = None) -> None:
        self.target = Target(target) if isinstance(target, str) else target
        self._api = Connection(self.target, attempts, trace)
        self._media = Media(self.target, attempts)
        self.admin = Administration(self._api)
        self.audit = AuditLog(self._api)
        self.accounts = Accounts(self._api)
        self.trash = Trash(self._api)
        self.unused_objects = UnusedObjects(self._api)
        self.reconciliation = Reconciliation(self._api)
        self.object_copies = ObjectCopies(self._api)
        self.playback = Playback(self._api)
        self.uploads = MultipartUploads(self._api, self._media)
        self.files = FileUploads(self.uploads, self._media)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._api.close()
        await self._media.close()

    async def service(self) -> Service:
        """The store's description of itself."""
        return codec.decode((await self._api.get("/service")).content, Service)

    async def storage_backends(self) -> list[StorageBackend]:
        """The storage backends of the store."""
        answer = await self._api.get("/service/storage-backends")
        return codec.decode(answer.content, list[StorageBackend])

    async def sources(self, **filters: object) -> AsyncIterator[Source]:
        """Every source that meets all filters: `label`, `format`, or `**{"tag.name": "value"}`."""
        async for page in self._api.pages("/sources", {"limit": PAGE_LIMIT, **filters}):
            for document in replies.documents(page):
                yield codec.with_document(document, Source)

    async def source(self, source_id: str) -> Source:
        """One source; NotFound."""
        answer = await self._api.get(f"/sources/{_quoted(source_id)}")
        return codec.with_document(replies.document(answer), Source)

    async def put_source_label(self, source_id: str, label: str) -> None:
        """Set the label of a source; NotFound."""
        await self._api.call("PUT", f"/sources/{_quoted(source_id)}/label", label, repeatable=True)

    async def flows(self, **filters: object) -> AsyncIterator[Flow]:
        """Every flow that meets all filters: `source_id`, `timerange`, `format`, `codec`, `label`, …"""
        async for page in self._api.pages("/flows", {"limit": PAGE_LIMIT, **filters}):
            for document in replies.documents(page):
                yield codec.with_document(document, Flow)

    async def flow(self, flow_id: str, *, include_timerange: bool = False) -> Flow:
        """One flow, with the range its segments span if requested; NotFound."""
        params = {"include_timerange": include_timerange or None}
        answer = await self._api.get(f"/flows/{_quoted(flow_id)}", params)
        return codec.with_document(replies.document(answer), Flow)

    async def put_flow(self, document: Mapping[str, object]) -> Flow | None:
        """Create or replace the flow `document["id"]`; returns the new flow, None if it replaced one."""
        path = f"/flows/{_quoted(str(document['id']))}"
        answer = await self._api.call("PUT", path, document, repeatable=True)
        if answer.status_code != HTTPStatus.CREATED:
            return None
        return codec.with_document(replies.document(answer), Flow)

    async def delete_flow(self, flow_id: str, *, soft: bool | None = None) -> DeletionRequest | None:
        """Delete a flow and its segments; returns a request if the deletion is still running. NotFound.

        With `soft` they can be restored for some time; None is the store's default.
        """
        path, params = f"/flows/{_quoted(flow_id)}", {"soft_delete": soft}
        return replies.deletion(await self._api.call("DELETE", path, params=params, repeatable=True))

    async def segments(
        self,
        flow_id: str,
        timerange: TimeRange | None = None,
        *,
        limit: int = PAGE_LIMIT,
        **filters: object,
    ) -> AsyncIterator[Segment]:
        """The flow's segments that overlap the range, in time order; none for an unknown flow.

        Pages of `limit` are fetched as the iteration reaches them, so their URLs are fresh.
        Filters are the API's: `object_id`, `reverse_order`, `presigned`, `accept_get_urls`, …
        """
        params = {"timerange": timerange, "limit": limit, **filters}
        async for page in self._api.pages(_segments(flow_id), params):
            for segment in codec.decode(page.content, list[Segment]):
                yield segment

    async def create_segments(self, flow_id: str, segments: Sequence[NewSegment]) -> list[FailedSegment]:
        """Register segments whose objects are uploaded; returns the refused ones, each with the reason.

        A single segment is sent as a single document and raises if it is refused.
        """
        body = segments[0] if len(segments) == 1 else segments
        answer = await self._api.call("POST", _segments(flow_id), body, repeatable=False)
        return replies.failures(answer)

    async def delete_segments(
        self,
        flow_id: str,
        timerange: TimeRange | None = None,
        *,
        object_id: str | None = None,
        soft: bool | None = None,
    ) -> DeletionRequest | None:
        """Delete the segments wholly in the range, or all; returns a request if it is still running."""
        params = {"timerange": timerange, "object_id": object_id, "soft_delete": soft}
        answer = await self._api.call("DELETE", _segments(flow_id), params=params, repeatable=True)
        return replies.deletion(answer)

    async def allocate_storage(
        self,
        flow_id: str,
        *,
        limit: int | None = None,
        object_ids: Sequence[str] | None = None,
        storage_id: str | None = None,
    ) -> list[Allocation]:
        """Allocate objects to upload: `limit` of them, or the given `object_ids`.

        Without ids the request may be repeated: objects that are never registered expire.
        """
        options = {"limit": limit, "object_ids": object_ids, "storage_id": storage_id}
        body = {name: value for name, value in options.items() if value is not None}
        path = f"/flows/{_quoted(flow_id)}/storage"
        return replies.allocations(await self._api.call("POST", path, body, repeatable=object_ids is None))

    async def object(self, object_id: str) -> MediaObject:
        """One media object, with every flow that uses it; NotFound."""
        path = f"/objects/{_quoted(object_id)}"
        return replies.joined([page async for page in self._api.pages(path, {})])

    async def coverage(self, flow_id: str, timerange: TimeRange | None = None) -> Coverage:
        """The covered parts and the gaps of a flow in the range. NotFound."""
        path = f"/x/analytics/flows/{_quoted(flow_id)}/coverage"
        answer = await self._api.get(path, {"timerange": timerange})
        return codec.decode(answer.content, Coverage)

    async def storage_usage(self) -> StorageUsage:
        """Objects and bytes on each storage backend."""
        return codec.decode((await self._api.get("/x/analytics/storage-usage")).content, StorageUsage)

    async def object_accesses(self, order: str = "most", limit: int | None = None) -> ObjectAccesses:
        """The objects whose URLs were signed most often, or least often with the order "least"."""
        answer = await self._api.get("/x/analytics/object-accesses", {"order": order, "limit": limit})
        return codec.decode(answer.content, ObjectAccesses)

    async def duplicates(self, limit: int | None = None) -> DuplicateReport:
        """Objects with the same bytes."""
        answer = await self._api.get("/x/analytics/duplicates", {"limit": limit})
        return codec.decode(answer.content, DuplicateReport)

    async def upload(
        self, put_url: HttpRequest, content: bytes | AsyncIterable[bytes], length: int | None = None
    ) -> None:
        """Upload an object's bytes to its `put_url`; a stream needs its `length` in bytes.

        `files.upload` is for files.
        """
        await self._media.upload(put_url, content, length)

    async def download(self, url: str) -> bytes:
        """All bytes of an object; `url` is one of a segment's `get_urls`."""
        return await self._media.download(url)

    def stream(self, url: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The bytes of an object, in chunks as they arrive."""
        return self._media.stream(url)


def _quoted(identifier: str) -> str:
    return quote(identifier, safe="")


def _segments(flow_id: str) -> str:
    return f"/flows/{_quoted(flow_id)}/segments"
