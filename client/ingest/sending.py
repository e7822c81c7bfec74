"""Sends the pieces of a recording: uploads them side by side, registers them in batches.

At most PARALLEL objects wait or are uploaded, and at most BATCH segments wait for registration, so memory is
bounded for any length of the recording. A registration takes all segments that are ready; uploads continue
meanwhile.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import Final

from mediatimestamp import TimeRange

from client.api import NewSegment
from client.essence.interval import Interval
from client.essence.recording import Piece
from client.ingest.flow_writer import BATCH, FlowWriter

PARALLEL: Final = 4

# The last item of a queue.
_END: Final = None
_Ready = asyncio.Queue[NewSegment | None]


async def send(
    pieces: Iterator[Piece], writers: Mapping[int, FlowWriter], advanced: Callable[[int], None]
) -> dict[int, bool]:
    """Write every piece into its flow; `advanced` gets the nanoseconds of media that were registered.

    Returns for each stream True if all its pictures kept the frame rate. The errors are those of the first
    piece that fails; segments that were registered before stay.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            return await _Sender(tasks, writers, advanced).run(pieces)
    except BaseExceptionGroup as group:
        raise _first(group) from None


class _Sender:
    def __init__(
        self, tasks: asyncio.TaskGroup, writers: Mapping[int, FlowWriter], advanced: Callable[[int], None]
    ) -> None:
        self._tasks = tasks
        self._writers = writers
        self._advanced = advanced
        self._window = asyncio.Semaphore(PARALLEL)
        self._ready: dict[int, _Ready] = {index: asyncio.Queue(BATCH) for index in writers}
        self._regular = dict.fromkeys(writers, True)

    async def run(self, pieces: Iterator[Piece]) -> dict[int, bool]:
        registering = [self._tasks.create_task(self._register(index)) for index in self._writers]
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
        writer = self._writers[index]
        writer.rates.count(piece)
        if writer.has(piece):
            self._advanced(_duration(piece.timerange))
            return
        await self._window.acquire()
        task = self._tasks.create_task(self._upload(writer, piece))
        uploads.add(task)
        task.add_done_callback(uploads.discard)

    async def _upload(self, writer: FlowWriter, piece: Piece) -> None:
        try:
            segment = await writer.send(piece)
        finally:
            self._window.release()
        await self._ready[piece.essence.index].put(segment)

    async def _register(self, index: int) -> None:
        queue, writer = self._ready[index], self._writers[index]
        has_more = True
        while has_more:
            batch = [await queue.get()]
            while not queue.empty() and len(batch) < BATCH:
                batch.append(queue.get_nowait())
            segments = [segment for segment in batch if segment is not None]
            has_more = len(segments) == len(batch)
            if segments:
                await writer.register(segments)
                self._advanced(sum(_duration(segment.timerange) for segment in segments))


async def _in_thread(pieces: Iterator[Piece]) -> AsyncGenerator[Piece, None]:
    """The pieces, each made in a thread; if cancelled, waits for the piece that is being made."""
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
    interval = Interval.of(timerange)
    return interval.end - interval.start


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
