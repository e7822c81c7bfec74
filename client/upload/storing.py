"""Stores one file: its flow, its object and its segment.

While a file is sent in parts, its flow has the object's id in a tag. So a later run continues the upload of
the object, as long as the store keeps it.
"""

from typing import Final

from client.api import (
    InvalidRequest,
    NewSegment,
    NotFound,
    TamsClient,
    Unreachable,
    UploadRules,
)
from client.api.flow_values import COMPLETE, STATUS
from client.api.models import Document
from client.api.uploads.rules import Progress
from client.essence.errors import EssenceError
from client.upload.planning import Plan

# The tag of a flow whose object is being sent in parts.
_OBJECT: Final = "upload_object"


class Storing:
    """The steps that store a file. They are found done by a later run, and are not done twice."""

    def __init__(self, store: TamsClient, plan: Plan, rules: UploadRules) -> None:
        self._store = store
        self._plan = plan
        self._rules = rules
        self._flow: Document | None = None

    async def is_stored(self) -> bool:
        """True if the store has the file's segment."""
        try:
            self._flow = (await self._store.flow(self._plan.flow_id)).document
        except NotFound:
            return False
        return await self._has_segment()

    async def store(self, progress: Progress) -> None:
        """Upload and register the file; `is_stored` comes first."""
        begun = str((self._flow or {}).get("tags", {}).get(_OBJECT, ""))
        if self._flow is None:
            await self._store.put_flow(self._plan.document)
        flow = self._flow or self._plan.document
        await self._store.put_source_label(flow["source_id"], self._plan.source_label)
        object_id = begun if begun and await self._continued(begun, progress) else await self._sent(progress)
        self._plan.check_unchanged()
        await self._register(object_id)
        await self.finish()

    async def finish(self) -> None:
        """Mark the flow of a stored file as complete; a flow that is complete stays as it is."""
        stored = (await self._store.flow(self._plan.flow_id)).document
        tags = {name: value for name, value in stored.get("tags", {}).items() if name != _OBJECT}
        if stored.get("tags", {}).get(STATUS) != COMPLETE:
            await self._store.put_flow({**stored, "tags": {**tags, STATUS: COMPLETE}})

    async def _continued(self, object_id: str, progress: Progress) -> bool:
        """Continue the upload of an earlier run; False if it needs another object.

        The store may not keep this one any more, or it has bytes that nobody has compared with the file.
        """
        try:
            await self._store.files.upload_in_parts(object_id, self._plan.path, self._rules, progress)
        except (NotFound, InvalidRequest):
            return False
        return True

    async def _sent(self, progress: Progress) -> str:
        """Send the file as a new object; returns its id."""
        allocations = await self._store.allocate_storage(self._plan.flow_id, limit=1)
        if not allocations:
            raise EssenceError("the store allocates no objects")
        allocated = allocations[0]
        if self._plan.size >= self._rules.threshold:
            document = self._flow or self._plan.document
            tags = {**document.get("tags", {}), _OBJECT: allocated.object_id}
            await self._store.put_flow({**document, "tags": tags})
        await self._store.files.upload(allocated, self._plan.path, self._rules, progress)
        return allocated.object_id

    async def _register(self, object_id: str) -> None:
        segment = NewSegment(
            object_id=object_id, timerange=self._plan.timerange, ts_offset=self._plan.ts_offset
        )
        try:
            await self._store.create_segments(self._plan.flow_id, [segment])
        except (InvalidRequest, Unreachable):
            # The answer was lost, or another run stored the file meanwhile.
            if not await self._has_segment():
                raise

    async def _has_segment(self) -> bool:
        async for _ in self._store.segments(self._plan.flow_id, limit=1, accept_get_urls=""):
            return True
        return False
