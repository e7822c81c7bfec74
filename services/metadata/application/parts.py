"""Makes large changes in one transaction or, if others keep writing the same rows, in several."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar

from services.metadata.application.ports import Crowded

T = TypeVar("T")

# Items in one part. A part of MIN_SIZE is not divided further.
MAX_SIZE: Final = 1000
MIN_SIZE: Final = 50
_SHRINK_FACTOR: Final = 4


async def in_parts(count: int, write: Callable[[int, int], Awaitable[T]]) -> AsyncIterator[T]:
    """The results of `write(begin, end)` for consecutive parts of `count` items, the first part first.

    The first try has all items in one part. After Crowded the parts become smaller, then larger again.
    """
    begin, size = 0, max(1, count)
    while True:
        end = min(count, begin + size)
        try:
            result = await write(begin, end)
        except Crowded:
            size = max(MIN_SIZE, min(MAX_SIZE, size // _SHRINK_FACTOR))
            continue
        yield result
        if end >= count:
            return
        begin, size = end, min(MAX_SIZE, size * 2)
