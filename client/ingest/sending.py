"""The pieces of a recording on their way into a store: uploaded side by side, registered in batches.

At most PARALLEL objects wait or are uploaded, and at most a batch of segments waits for registration, so
memory is bounded whatever the length of the recording. Registration takes all that is ready, while uploads
go on.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import Final

from mediatimestamp import TimeRange

from client.api import NewSegment
from client.essence.recording import Piece
from client.essence.stretch import Stretch
from client.ingest.lane import BATCH, Lane

PARALLEL: Final = 4

# A place in the queue that says: nothing comes after this.
_END: Final = None
_Ready = asyncio.Queue[NewSegment | None]


async def send(
    pieces: Iterator[Piece], lanes: Mapping[int, Lane], advanced: Callable[[int], None]
) -> dict[int, bool]:
    """Bring every piece into the lane of its stream; `advanced` hears nanoseconds of media as they are safe.

    Returns for each stream whether all its pictures kept the frame rate. Errors are those of the first
    piece that fails; what is registered by then stays.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            return await _Sender(tasks, lanes, advanced).run(pieces)
    except BaseExceptionGroup as group:
        raise _first(group) from None


class _Sender:
    def __init__(
        self, tasks: asyncio.TaskGroup, lanes: Mapping[int, Lane], advanced: Callable[[int], None]
    ) -> None:
        self._tasks = tasks
        self._lanes = lanes
        self._advanced = advanced
        self._window = asyncio.Semaphore(PARALLEL)
        self._ready: dict[int, _Ready] = {index: asyncio.Queue(BATCH) for index in lanes}
        self._regular = dict.fromkeys(lanes, True)

    async def run(self, pieces: Iterator[Piece]) -> dict[int, bool]:
        registering = [self._tasks.create_task(self._register(index)) for index in self._lanes]
        uploads: set[asyncio.Task[None]] = set()
        async with aclosing(_in_thread(pieces)) as made:
            async for piece in made:
                await self._take(piece, uploads)
        if uploads:
            await asyncio.wait(uploads)
        for queue in self._ready.values():
            await queue.put(_END)
        await asyncio.wait(registering)
        return self._regular

    async def _take(self, piece: Piece, uploads: set[asyncio.Task[None]]) -> None:
        index = piece.essence.index
        self._regular[index] &= piece.regular
        lane = self._lanes[index]
        lane.rates.count(piece)
        if lane.has(piece):
            self._advanced(_duration(piece.timerange))
            return
        await self._window.acquire()
        task = self._tasks.create_task(self._upload(lane, piece))
        uploads.add(task)
        task.add_done_callback(uploads.discard)

    async def _upload(self, lane: Lane, piece: Piece) -> None:
        try:
            segment = await lane.send(piece)
        finally:
            self._window.release()
        await self._ready[piece.essence.index].put(segment)

    async def _register(self, index: int) -> None:
        queue, lane = self._ready[index], self._lanes[index]
        more = True
        while more:
            batch = [await queue.get()]
            while not queue.empty() and len(batch) < BATCH:
                batch.append(queue.get_nowait())
            segments = [segment for segment in batch if segment is not None]
            more = len(segments) == len(batch)
            if segments:
                await lane.register(segments)
                self._advanced(sum(_duration(segment.timerange) for segment in segments))


async def _in_thread(pieces: Iterator[Piece]) -> AsyncGenerator[Piece, None]:
    """The pieces, each made in a thread; when cancelled, waits for the one that is being made."""
    while True:
        making = asyncio.ensure_future(asyncio.to_thread(next, pieces, None))
        try:
            piece = await asyncio.shield(making)
        except asyncio.CancelledError:
            await asyncio.wait({making})
            raise
        if piece is None:
            return
        yield piece


def _duration(timerange: TimeRange) -> int:
    stretch = Stretch.of(timerange)
    return stretch.end - stretch.start


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
