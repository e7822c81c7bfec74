"""One flow's way into a store: which segments it has, room for objects, registration.

A segment's identity is its flow and its timerange, and a store refuses overlap, so an interrupted ingest goes
on with the segments that are not there yet. Objects always get fresh ids: one that was allocated or uploaded
but never registered cannot be asked for again (allocating its id anew is refused), holds nothing that is
referenced, and expires in the store. So nothing is doubled and nothing is lost, wherever a run was cut off.
"""

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from typing import Final

from client.api import Allocation, FailedSegment, Forbidden, InvalidRequest, NewSegment
from client.essence.errors import EssenceError
from client.essence.recording import Piece
from client.essence.stretch import Stretch
from client.essence.timing import NS, nearest
from client.ingest.patience import Patience
from client.ingest.ports import Store

# Objects asked for at once; what is left over expires unused, so not many.
_ROOM: Final = 4
# Segments registered at once.
BATCH: Final = 100


class Lane:
    """A flow that is being filled."""

    def __init__(self, store: Store, flow_id: str, patience: Patience) -> None:
        self._store = store
        self.flow_id = flow_id
        self._patience = patience
        self._present: list[Stretch] = []
        self._room: deque[Allocation] = deque()
        self._asking = asyncio.Lock()
        self.rates = Rates()
        self.added = 0

    async def look(self) -> None:
        """Learn which segments the flow has."""
        self._present = await self._list(None)

    def has(self, piece: Piece) -> bool:
        """Whether the segment is there; EssenceError where another one is in its place."""
        wanted = Stretch.of(piece.timerange)
        at = bisect_left(self._present, wanted.end, key=lambda stretch: stretch.start) - 1
        if at < 0 or self._present[at].end <= wanted.start:
            return False
        if self._present[at] != wanted:
            raise EssenceError(
                f"flow {self.flow_id} already has {self._present[at].timerange()}, cut differently than "
                f"{piece.timerange}; ingest with the segment duration it was begun with"
            )
        return True

    async def send(self, piece: Piece) -> NewSegment:
        """Upload the segment's object; returns the segment, which is not registered yet."""
        async for attempt in self._patience.retrying():
            with attempt:
                return _segment(piece, await self._uploaded(piece.data))
        raise AssertionError("a retried call ends with a result or an error")

    async def register(self, segments: Sequence[NewSegment]) -> None:
        """Register segments; EssenceError where the store refuses one.

        When an answer is lost, the store may have registered them: it is asked before they are sent again.
        """
        missing = list(segments)
        async for attempt in self._patience.retrying():
            with attempt:
                if attempt.retry_state.attempt_number > 1:
                    missing = await self._unregistered(missing)
                await self._create(missing)
        self.added += len(segments)

    async def _uploaded(self, data: bytes) -> str:
        try:
            room = await self._allocated()
            await self._store.upload(room.put_url, data)
        except Forbidden:
            # The permission to upload expired while it waited for its turn.
            self._room.clear()
            room = await self._allocated()
            await self._store.upload(room.put_url, data)
        return room.object_id

    async def _allocated(self) -> Allocation:
        async with self._asking:
            if not self._room:
                self._room.extend(await self._store.allocate_storage(self.flow_id, limit=_ROOM))
            if not self._room:
                raise EssenceError("the store gives no room for objects")
            return self._room.popleft()

    async def _create(self, segments: Sequence[NewSegment]) -> None:
        if not segments:
            return
        try:
            failed = await self._store.create_segments(self.flow_id, segments)
        except InvalidRequest as error:
            if not await self._unregistered(segments):
                return
            raise EssenceError(f"flow {self.flow_id}: {error}") from error
        await self._check(segments, failed)

    async def _check(self, segments: Sequence[NewSegment], failed: Sequence[FailedSegment]) -> None:
        """A refused segment that the flow has is no loss: another run at the same time brought it."""
        refused = {failure.object_id: failure for failure in failed}
        lost = await self._unregistered([s for s in segments if s.object_id in refused]) if refused else []
        if lost:
            error = refused[lost[0].object_id].error
            reason = error.summary if error else "no reason given"
            raise EssenceError(f"flow {self.flow_id}: segment {lost[0].timerange} was refused: {reason}")

    async def _unregistered(self, segments: Sequence[NewSegment]) -> list[NewSegment]:
        if not segments:
            return []
        wanted = [Stretch.of(segment.timerange) for segment in segments]
        span = Stretch(min(part.start for part in wanted), max(part.end for part in wanted))
        present = set(await self._list(span))
        return [segment for segment, part in zip(segments, wanted, strict=True) if part not in present]

    async def _list(self, span: Stretch | None) -> list[Stretch]:
        """The flow's segments, without their URLs."""
        timerange = span.timerange() if span else None
        found = self._store.segments(self.flow_id, timerange, accept_get_urls="")
        return [Stretch.of(segment.timerange) async for segment in found]


class Rates:
    """The bit rates of a flow's objects, in the unit of flow-core.json: 1000 bit/s, rounded."""

    def __init__(self) -> None:
        self._bits = 0
        self._time = 0
        self._max = 0

    def count(self, piece: Piece) -> None:
        """Take a segment into account."""
        stretch = Stretch.of(piece.timerange)
        time, bits = stretch.end - stretch.start, len(piece.data) * 8
        self._bits += bits
        self._time += time
        self._max = max(self._max, nearest(bits * NS, time * 1000))

    def document(self) -> dict[str, int]:
        """What goes into the flow's document."""
        if not self._time:
            return {}
        return {"avg_bit_rate": nearest(self._bits * NS, self._time * 1000), "max_bit_rate": self._max}


def _segment(piece: Piece, object_id: str) -> NewSegment:
    return NewSegment(
        object_id=object_id,
        timerange=piece.timerange,
        ts_offset=piece.ts_offset,
        last_duration=piece.last_duration,
        sample_offset=piece.sample_offset,
        sample_count=piece.sample_count,
        key_frame_count=piece.key_frame_count,
    )
