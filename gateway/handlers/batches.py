"""Several flows or sources in one request, an extension under /x/.

Each item is stored as a whole or not at all, independently of the others.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from gateway.clients.documents import Documents
from gateway.clients.services import Services
from gateway.codecs import batch
from gateway.codecs.batch import BatchResult
from gateway.codecs.decoding import decode_async
from gateway.http import responses
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.http.wire.body import BodyReader
from services.shared.errors import DeadlineExceeded, Exhausted, Internal, TamsError, Unavailable
from services.shared.rpc.client import call

# Errors that are not due to the item and would hit the next items too. They end the request.
_FATAL: Final = (Unavailable, DeadlineExceeded, Exhausted, Internal)

Store = Callable[[bytes], Awaitable[BatchResult]]


class Batches:
    """Handlers that store the items of a list in order, so that a flow may collect earlier flows."""

    def __init__(self, services: Services, sources: Documents, bodies: BodyReader) -> None:
        self._flows = services.flows
        self._sources = sources
        self._bodies = bodies

    async def flows(self, request: Request) -> Response:
        """POST /x/flows/batch: create or replace each flow."""
        return await self._each(request, self._put_flow)

    async def sources(self, request: Request) -> Response:
        """POST /x/sources/batch: change label, description and tags of each source."""
        return await self._each(request, self._change_source)

    async def _each(self, request: Request, store: Store) -> Response:
        async with self._bodies.read(request) as body:
            results: list[BatchResult] = []
            for index, item in enumerate(await decode_async(batch.items, body)):
                try:
                    results.append(await store(item))
                except _FATAL:
                    raise
                except TamsError as error:
                    results.append(batch.error_result(error, item, index))
        return responses.json(batch.document(results))

    async def _put_flow(self, item: bytes) -> BatchResult:
        message = batch.put_request(item)
        reply = await call(self._flows.PutFlow, message)
        return BatchResult(HTTPStatus.CREATED if reply.created else HTTPStatus.NO_CONTENT, message.id)

    async def _change_source(self, item: bytes) -> BatchResult:
        change = batch.source_change(item)
        await self._sources.change(change.id, batch.property_changes(change))
        return BatchResult(HTTPStatus.NO_CONTENT, change.id)
