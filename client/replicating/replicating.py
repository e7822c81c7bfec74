"""Copies or moves objects, many in one call, until each is done or failed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, Literal, NamedTuple

from client.api import NotFound, Problem, Segment, TamsClient
from client.api.object_copies import MAX_OBJECTS

# Between two calls for copies that are being written.
PAUSE_SECONDS: Final = 1.0


class Outcome(NamedTuple):
    """The outcome for one object: the bytes that were copied, or why it was not copied.

    `present` objects had their copy before; `outside` are objects of a flow that the store does not keep.
    """

    object_id: str
    state: Literal["copied", "present", "outside", "failed"]
    bytes: int = 0
    reason: str = ""


class Replication:
    """The objects of flows and sources, and others by their ids, on their way to one storage backend."""

    def __init__(self, store: TamsClient, storage_id: str, *, move: bool = False) -> None:
        self._store = store
        self._storage_id = storage_id
        self._move = move

    async def objects(
        self, flows: Sequence[str], sources: Sequence[str], object_ids: Sequence[str]
    ) -> AsyncIterator[tuple[str, bool]]:
        """Each object once, and whether it was named by its id."""
        seen = set(object_ids)
        for object_id in dict.fromkeys(object_ids):
            yield object_id, True
        async for segment in self._segments(flows, sources):
            if segment.object_id not in seen:
                seen.add(segment.object_id)
                yield segment.object_id, False

    async def run(self, objects: AsyncIterator[tuple[str, bool]]) -> AsyncIterator[Outcome]:
        """Copy the objects; the outcome of each, as they come. It can be repeated after an interruption."""
        batch: dict[str, bool] = {}
        async for object_id, is_named in objects:
            batch[object_id] = is_named
            if len(batch) == MAX_OBJECTS:
                async for outcome in self._copy(batch):
                    yield outcome
                batch = {}
        async for outcome in self._copy(batch):
            yield outcome

    async def missing(self, objects: AsyncIterator[tuple[str, bool]]) -> AsyncIterator[Outcome]:
        """The outcome that `run` would have for each object, without copying one; `bytes` is 0."""
        async for object_id, is_named in objects:
            try:
                copies = await self._store.object_copies.list(object_id)
            except NotFound as error:
                yield Outcome(object_id, "failed", reason=str(error))
                continue
            if not copies:
                yield _absent(object_id, is_named, "the store does not keep it")
                continue
            stored = [copy.storage_id for copy in copies if copy.state == "stored"]
            present = self._storage_id == stored[0] if self._move else self._storage_id in stored
            yield Outcome(object_id, "present" if present else "copied")

    async def _copy(self, batch: dict[str, bool]) -> AsyncIterator[Outcome]:
        waiting = list(batch)
        while waiting:
            results = await self._store.object_copies.copy(waiting, self._storage_id, move=self._move)
            for one in results:
                if one.state == "stored":
                    yield Outcome(one.object_id, "copied" if one.bytes else "present", one.bytes)
                elif one.state == "failed":
                    yield _failed(one.object_id, batch[one.object_id], one.error)
            still_waiting = [one.object_id for one in results if one.state == "copying"]
            if len(still_waiting) == len(waiting):
                await asyncio.sleep(PAUSE_SECONDS)
            waiting = still_waiting

    async def _segments(self, flows: Sequence[str], sources: Sequence[str]) -> AsyncIterator[Segment]:
        for source_id in sources:
            await self._store.source(source_id)
            async for flow in self._store.flows(source_id=source_id):
                async for segment in self._store.segments(flow.id, accept_get_urls=""):
                    yield segment
        for flow_id in flows:
            await self._store.flow(flow_id)
            async for segment in self._store.segments(flow_id, accept_get_urls=""):
                yield segment


def _failed(object_id: str, is_named: bool, error: Problem | None) -> Outcome:
    problem = error or Problem()
    if problem.type == "OBJECT_NOT_FOUND":
        return _absent(object_id, is_named, problem.summary)
    return Outcome(object_id, "failed", reason=problem.summary or problem.type)


def _absent(object_id: str, is_named: bool, reason: str) -> Outcome:
    """Objects of a flow may be elsewhere; one that was named by its id should be here."""
    return Outcome(object_id, "failed" if is_named else "outside", reason=reason)
