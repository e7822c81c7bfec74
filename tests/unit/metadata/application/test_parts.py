from collections.abc import Callable

import pytest

from services.metadata.application.parts import MAX_SIZE, MIN_SIZE, in_parts
from services.metadata.application.ports import Crowded

Part = tuple[int, int]


async def write_in_parts(
    count: int, may_write: Callable[[int, int], bool] = lambda _begin, _end: True
) -> tuple[list[Part], list[Part]]:
    tried: list[Part] = []

    async def write(begin: int, end: int) -> Part:
        tried.append((begin, end))
        if not may_write(begin, end):
            raise Crowded
        return begin, end

    return [part async for part in in_parts(count, write)], tried


@pytest.mark.parametrize("count", [0, 1, MAX_SIZE, 100_000])
async def test_all_items_are_one_part_if_the_write_succeeds(count: int) -> None:
    parts, tried = await write_in_parts(count)
    assert parts == tried == [(0, count)]


@pytest.mark.parametrize("largest", [MIN_SIZE, 170, MAX_SIZE])
async def test_each_item_is_written_once_and_in_order(largest: int) -> None:
    parts, tried = await write_in_parts(10_500, lambda begin, end: end - begin <= largest)
    assert tried[0] == (0, 10_500)
    assert [begin for begin, _ in parts] == [0, *(end for _, end in parts[:-1])]
    assert parts[-1][1] == 10_500
    assert max(end - begin for begin, end in parts) <= largest


async def test_parts_grow_again_once_writes_succeed() -> None:
    parts, _ = await write_in_parts(20_000, lambda begin, end: begin > 500 or end - begin <= MIN_SIZE)
    assert max(end - begin for begin, end in parts) == MAX_SIZE


async def test_a_failed_write_ends_the_parts() -> None:
    async def write(begin: int, end: int) -> int:
        if end - begin > MAX_SIZE:
            raise Crowded
        if begin:
            raise ValueError
        return end

    parts = in_parts(5000, write)
    assert await anext(parts) == MAX_SIZE
    with pytest.raises(ValueError):  # noqa: PT011 - it has no message
        await anext(parts)
