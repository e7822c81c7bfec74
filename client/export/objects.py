"""Fetches the objects of a flow's segments ahead, in order."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from client.api import Segment
from client.essence.errors import EssenceError
from client.export.ports import Store

AHEAD: Final = 3


async def fetch(store: Store, segment: Segment) -> bytes:
    """The bytes of a segment's object, from its first URL. EssenceError if it has no URL."""
    if not segment.get_urls:
        raise EssenceError(f"the object of segment {segment.timerange} has no URL")
    return await store.download(segment.get_urls[0].url)


async def fetched(
    store: Store, segments: AsyncIterator[Segment]
) -> AsyncGenerator[tuple[Segment, bytes], None]:
    """Each segment with its object; at most AHEAD more objects are in memory or being fetched."""
    waiting: deque[tuple[Segment, asyncio.Task[bytes]]] = deque()
    try:
        async for segment in segments:
            waiting.append((segment, asyncio.create_task(fetch(store, segment))))
            if len(waiting) > AHEAD:
                yield await _next(waiting)
        while waiting:
            yield await _next(waiting)
    finally:
        for _, task in waiting:
            task.cancel()
        await asyncio.gather(*(task for _, task in waiting), return_exceptions=True)


async def _next(waiting: deque[tuple[Segment, asyncio.Task[bytes]]]) -> tuple[Segment, bytes]:
    segment, task = waiting[0]
    data = await task
    waiting.popleft()
    return segment, data
