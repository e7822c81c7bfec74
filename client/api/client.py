"""A store's HTTP API as typed calls."""

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

from mediatimestamp import TimeRange

from client.api import codec, replies
from client.api.administration import Administration
from client.api.analytics import Coverage, StorageUsage
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

PAGE_LIMIT: Final = 300


class TamsClient:
    """The API of one store; an async context manager that holds its connections.

    `url` is the address of the API's root and may have a path; ValueError where it is no http URL. Calls
    raise the errors of `client.api.errors`. What is safe to repeat is repeated while the store is busy or
    away, `attempts` times in all.
    """

    def __init__(self, url: str, *, attempts: int = 6) -> None:
        self._api = Connection(url, attempts)
        self._media = Media(attempts)
        self.admin = Administration(self._api)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._api.close()
        await self._media.close()

    async def service(self) -> Service:
        """What the store says of itself."""
        return codec.decode((await self._api.get("/service")).content, Service)

    async def storage_backends(self) -> list[StorageBackend]:
        """The places where the store keeps bytes."""
        answer = await self._api.get("/service/storage-backends")
        return codec.decode(answer.content, list[StorageBackend])

    async def sources(self, **filters: Any) -> AsyncIterator[Source]:
        """Every source that meets all filters: `label`, `format`, or `**{"tag.name": "value"}`."""
        async for page in self._api.pages("/sources", {"limit": PAGE_LIMIT, **filters}):
            for document in replies.documents(page):
                yield codec.keeping(document, Source)

    async def source(self, source_id: str) -> Source:
        """One source; NotFound."""
        answer = await self._api.get(f"/sources/{_quoted(source_id)}")
        return codec.keeping(replies.document(answer), Source)

    async def flows(self, **filters: Any) -> AsyncIterator[Flow]:
        """Every flow that meets all filters: `source_id`, `timerange`, `format`, `codec`, `label`, …"""
        async for page in self._api.pages("/flows", {"limit": PAGE_LIMIT, **filters}):
            for document in replies.documents(page):
                yield codec.keeping(document, Flow)

    async def flow(self, flow_id: str, *, include_timerange: bool = False) -> Flow:
        """One flow, with the range its segments span where asked for; NotFound."""
        params = {"include_timerange": include_timerange or None}
        answer = await self._api.get(f"/flows/{_quoted(flow_id)}", params)
        return codec.keeping(replies.document(answer), Flow)

    async def put_flow(self, document: Mapping[str, Any]) -> Flow | None:
        """Make or replace the flow `document["id"]`; the new flow, None where it replaced one."""
        path = f"/flows/{_quoted(document['id'])}"
        answer = await self._api.call("PUT", path, document, repeatable=True)
        if answer.status_code != HTTPStatus.CREATED:
            return None
        return codec.keeping(replies.document(answer), Flow)

    async def delete_flow(self, flow_id: str) -> DeletionRequest | None:
        """Delete a flow and its segments; a request where the store is not done yet. NotFound."""
        answer = await self._api.call("DELETE", f"/flows/{_quoted(flow_id)}", repeatable=True)
        return replies.deletion(answer)

    async def segments(
        self,
        flow_id: str,
        timerange: TimeRange | None = None,
        *,
        limit: int = PAGE_LIMIT,
        **filters: Any,
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
        """Register segments whose objects are uploaded; those that were refused, each with the reason.

        A single segment goes alone and raises where it is refused.
        """
        body = segments[0] if len(segments) == 1 else segments
        answer = await self._api.call("POST", _segments(flow_id), body, repeatable=False)
        return replies.failures(answer)

    async def delete_segments(
        self, flow_id: str, timerange: TimeRange | None = None, *, object_id: str | None = None
    ) -> DeletionRequest | None:
        """Delete the segments that lie wholly in the range, or all; a request where it is not done yet."""
        params = {"timerange": timerange, "object_id": object_id}
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
        """New objects to upload: `limit` of them, or those with the ids given.

        Without ids the request may be repeated: objects that are never registered expire.
        """
        wanted = {"limit": limit, "object_ids": object_ids, "storage_id": storage_id}
        body = {name: value for name, value in wanted.items() if value is not None}
        path = f"/flows/{_quoted(flow_id)}/storage"
        return replies.allocations(await self._api.call("POST", path, body, repeatable=object_ids is None))

    async def object(self, object_id: str) -> MediaObject:
        """One media object and every flow that uses it; NotFound."""
        path = f"/objects/{_quoted(object_id)}"
        return replies.joined([page async for page in self._api.pages(path, {})])

    async def coverage(self, flow_id: str, timerange: TimeRange | None = None) -> Coverage:
        """Where the flow has media in the range, and where it has gaps. NotFound."""
        path = f"/x/analytics/flows/{_quoted(flow_id)}/coverage"
        answer = await self._api.get(path, {"timerange": timerange})
        return codec.decode(answer.content, Coverage)

    async def storage_usage(self) -> StorageUsage:
        """Objects and bytes on each storage backend."""
        return codec.decode((await self._api.get("/x/analytics/storage-usage")).content, StorageUsage)

    async def upload(
        self, put_url: HttpRequest, content: bytes | AsyncIterable[bytes], length: int | None = None
    ) -> None:
        """Send an object's bytes to where `allocate_storage` said; a stream needs its `length`."""
        await self._media.upload(put_url, content, length)

    async def download(self, url: str) -> bytes:
        """All bytes of an object, from one of a segment's `get_urls`."""
        return await self._media.download(url)

    def stream(self, url: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The bytes of an object, chunk by chunk as they come."""
        return self._media.stream(url)


def _quoted(identifier: str) -> str:
    return quote(identifier, safe="")


def _segments(flow_id: str) -> str:
    return f"/flows/{_quoted(flow_id)}/segments"
