"""Writes the segments of one flow: finds the existing ones, allocates objects, uploads and registers.

A segment is identified by its flow and its timerange, and a store refuses overlap. So an interrupted ingest
continues with the missing segments. Objects always get new ids: an object that was allocated or uploaded and
never registered cannot be allocated again. Nothing refers to it, and it expires in the store. So nothing is
stored twice and nothing is lost, wherever a run was interrupted.
"""

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from typing import Final

from client.api import Allocation, FailedSegment, Forbidden, InvalidRequest, NewSegment
from client.essence.errors import EssenceError
from client.essence.interval import Interval
from client.essence.recording import Piece
from client.essence.timing import NS, nearest
from client.ingest.ports import Store
from client.ingest.retrying import RetryPolicy

# Objects to allocate at once; few, because unused ones stay allocated until they expire.
_ALLOCATED_AT_ONCE: Final = 4
# Segments to register at once.
BATCH: Final = 100


class FlowWriter:
    """Writes segments into one flow."""

    def __init__(self, store: Store, flow_id: str, retries: RetryPolicy) -> None:
        self._store = store
        self.flow_id = flow_id
        self._retries = retries
        self._present: list[Interval] = []
        self._allocations: deque[Allocation] = deque()
        self._allocating = asyncio.Lock()
        self.rates = Rates()
        self.added = 0

    async def read_existing(self) -> None:
        """Read the list of segments that the flow has."""
        self._present = await self._list(None)

    def has(self, piece: Piece) -> bool:
        """True if the flow has the segment; EssenceError if it has another segment at this time."""
        interval = Interval.of(piece.timerange)
        index = bisect_left(self._present, interval.end, key=lambda each: each.start) - 1
        if index < 0 or self._present[index].end <= interval.start:
            return False
        if self._present[index] != interval:
            raise EssenceError(
                f"flow {self.flow_id} already has {self._present[index].timerange()}, cut differently than "
                f"{piece.timerange}; use the segment duration of the first ingest"
            )
        return True

    async def send(self, piece: Piece) -> NewSegment:
        """Upload the segment's object; returns the segment, which is not registered yet."""
        async for attempt in self._retries.retrying():
            with attempt:
                return _segment(piece, await self._uploaded(piece.data))
        raise AssertionError("a retried call returns or raises")

    async def register(self, segments: Sequence[NewSegment]) -> None:
        """Register segments; EssenceError if the store refuses one.

        If an answer is lost, the store may have registered them; so only those it lacks are sent again.
        """
        missing = list(segments)
        async for attempt in self._retries.retrying():
            with attempt:
                if attempt.retry_state.attempt_number > 1:
                    missing = await self._unregistered(missing)
                await self._create(missing)
        self.added += len(segments)

    async def _uploaded(self, data: bytes) -> str:
        try:
            allocation = await self._allocate()
            await self._store.upload(allocation.put_url, data)
        except Forbidden:
            # The signature of the URL expired before the upload.
            self._allocations.clear()
            allocation = await self._allocate()
            await self._store.upload(allocation.put_url, data)
        return allocation.object_id

    async def _allocate(self) -> Allocation:
        async with self._allocating:
            if not self._allocations:
                self._allocations.extend(
                    await self._store.allocate_storage(self.flow_id, limit=_ALLOCATED_AT_ONCE)
                )
            if not self._allocations:
                raise EssenceError("the store allocates no objects")
            return self._allocations.popleft()

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
        """EssenceError for a refused segment, unless another run has registered it at the same time."""
        refused = {failure.object_id: failure for failure in failed}
        missing = await self._unregistered([s for s in segments if s.object_id in refused]) if refused else []
        if missing:
            error = refused[missing[0].object_id].error
            reason = error.summary if error else "no reason given"
            raise EssenceError(f"flow {self.flow_id}: segment {missing[0].timerange} was refused: {reason}")

    async def _unregistered(self, segments: Sequence[NewSegment]) -> list[NewSegment]:
        if not segments:
            return []
        intervals = [Interval.of(segment.timerange) for segment in segments]
        span = Interval(min(each.start for each in intervals), max(each.end for each in intervals))
        present = set(await self._list(span))
        pairs = zip(segments, intervals, strict=True)
        return [segment for segment, interval in pairs if interval not in present]

    async def _list(self, span: Interval | None) -> list[Interval]:
        """The flow's segments, without their URLs."""
        timerange = span.timerange() if span else None
        segments = self._store.segments(self.flow_id, timerange, accept_get_urls="")
        return [Interval.of(segment.timerange) async for segment in segments]


class Rates:
    """The bit rates of a flow's objects, in the unit of flow-core.json: 1000 bit/s, rounded."""

    def __init__(self) -> None:
        self._bits = 0
        self._time = 0
        self._max = 0

    def count(self, piece: Piece) -> None:
        """Count a segment."""
        interval = Interval.of(piece.timerange)
        time, bits = interval.end - interval.start, len(piece.data) * 8
        self._bits += bits
        self._time += time
        self._max = max(self._max, nearest(bits * NS, time * 1000))

    def document(self) -> dict[str, int]:
        """The fields for the flow's document; empty without segments."""
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
