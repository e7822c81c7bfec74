import asyncio
from collections.abc import Mapping, Sequence
from typing import NoReturn

from services.media.application.size_reader import SizeReader
from services.media.domain.object import ObjectLocation
from services.shared.errors import Unavailable
from tests.support.storage.backends import PreparedStorage


class SlowStorage(PreparedStorage):
    """Storage that answers at once for the quick objects, and never for the others."""

    def __init__(self, quick: Mapping[str, int], *, lists: bool = False) -> None:
        self.quick = quick
        self.lists = lists

    async def list_sizes(self, paths: Sequence[str]) -> dict[str, int | None]:
        return dict.fromkeys(paths[:0]) if self.lists else await self._never()

    async def size(self, path: str) -> int | None:
        return self.quick.get(path) or await self._never()

    async def _never(self) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError("the event is never set")


async def test_sizes_of_hanging_storage_are_unavailable_in_time() -> None:
    locations = [ObjectLocation(name, "s", name) for name in ("a", "b", "c")]
    for lists in (False, True):
        reader = SizeReader({"s": SlowStorage({"a": 1}, lists=lists)}, 1)
        for _ in range(2):
            sizes = await reader.read(locations, until=asyncio.get_running_loop().time() + 0.02)
            assert [type(size) for size in sizes[1:]] == [Unavailable, Unavailable]
            assert sizes[0] == 1 or not lists
