"""Several flows or sources in one request, an extension under /x/.

Each item stands for itself: it is stored whole or not at all, whatever becomes of the others.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from gateway.clients.documents import Documents
from gateway.clients.services import Services
from gateway.codecs import batch
from gateway.codecs.batch import BatchResult
from gateway.http import responses
from gateway.http.body import BodyReader
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.errors import DeadlineExceeded, Exhausted, Internal, TamsError, Unavailable
from services.shared.rpc.client import call

# Faults that have nothing to do with the item, and that those after it would meet too.
_NOT_THE_ITEM: Final = (Unavailable, DeadlineExceeded, Exhausted, Internal)

Store = Callable[[bytes], Awaitable[BatchResult]]


class Batches:
    """Stores lists, one item after the other, so that a flow may collect those before it."""

    def __init__(self, services: Services, sources: Documents, bodies: BodyReader) -> None:
        self._flows = services.flows
        self._sources = sources
        self._bodies = bodies

    async def flows(self, request: Request) -> Response:
        """POST /x/flows/batch: create or replace each flow."""
        return await self._each(request, self._put_flow)

    async def sources(self, request: Request) -> Response:
        """POST /x/sources/batch: label, describe and tag each source."""
        return await self._each(request, self._change_source)

    async def _each(self, request: Request, store: Store) -> Response:
        async with self._bodies.read(request) as body:
            results: list[BatchResult] = []
            for index, item in enumerate(batch.items(body)):
                try:
                    results.append(await store(item))
                except _NOT_THE_ITEM:
                    raise
                except TamsError as error:
                    results.append(batch.failed(error, item, index))
        return responses.json(batch.document(results))

    async def _put_flow(self, item: bytes) -> BatchResult:
        asked = batch.put_request(item)
        stored = await call(self._flows.PutFlow, asked)
        return batch.created(asked.id) if stored.created else batch.changed(asked.id)

    async def _change_source(self, item: bytes) -> BatchResult:
        change = batch.source_change(item)
        await self._sources.change(change.id, batch.property_changes(change))
        return batch.changed(change.id)
