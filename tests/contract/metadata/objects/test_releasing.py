"""An object is released with its last reference, of whichever flow."""

import asyncio

import pytest

from services.metadata.domain.objects.object import State
from services.shared.timerange import TimeRange
from tests.support.metadata.flows import flow_id
from tests.support.metadata.rules import Metadata, a_segment, an_object, object_ids

OUTSIDE, INSIDE = "outside", "inside"


@pytest.fixture(autouse=True)
async def flows(metadata: Metadata) -> None:
    await metadata.put_flows((1, 2))
    await metadata.objects.reserve(flow_id(1), [an_object(INSIDE)])
    await register(metadata, 1, 0)


async def register(metadata: Metadata, number: int, start: int) -> None:
    inside = a_segment(start, start + 1, INSIDE, external_urls=())
    assert await metadata.register(number, a_segment(start + 1, start + 2, OUTSIDE), inside) == []


async def states(metadata: Metadata) -> dict[str, State]:
    objects = await metadata.store.read(lambda tables: tables.objects.get_many(object_ids(OUTSIDE, INSIDE)))
    return {name: item.state for name, item in objects.items()}


USED = {OUTSIDE: State.REGISTERED, INSIDE: State.REGISTERED}
RELEASED = {INSIDE: State.UNREFERENCED}


async def test_an_object_is_released_with_its_only_reference(metadata: Metadata) -> None:
    assert await states(metadata) == USED
    await metadata.unregister(1)
    assert await states(metadata) == RELEASED


async def test_an_object_is_kept_by_a_reference_of_another_flow(metadata: Metadata) -> None:
    await register(metadata, 2, 0)
    for number in (1, 2):
        assert await states(metadata) == USED
        await metadata.unregister(number)
    assert await states(metadata) == RELEASED


async def test_an_object_is_kept_by_another_reference_of_the_same_flow(metadata: Metadata) -> None:
    await register(metadata, 1, 10)
    for start in (0, 10):
        assert await states(metadata) == USED
        await metadata.unregister(1, TimeRange(start, start + 2))
    assert await states(metadata) == RELEASED


async def test_both_references_of_a_registration_are_counted(metadata: Metadata) -> None:
    await metadata.unregister(1)
    segments = [a_segment(start, start + 1, "twice") for start in (0, 1)]
    assert await metadata.register(1, *segments) == []
    await metadata.unregister(1, TimeRange(0, 1))
    assert await metadata.references("twice") == [flow_id(1)]
    await metadata.unregister(1, TimeRange(1, 2))
    assert await metadata.store.read(lambda tables: tables.objects.get_many(object_ids("twice"))) == {}


async def test_a_released_object_can_be_used_and_released_again(metadata: Metadata) -> None:
    for start in (0, 10, 20):
        await metadata.unregister(1)
        assert await states(metadata) == RELEASED
        await register(metadata, 1, start)
        assert await states(metadata) == USED


async def test_references_of_simultaneous_changes_are_all_counted(metadata: Metadata) -> None:
    await metadata.put_flows(range(3, 13))
    await asyncio.gather(*(register(metadata, number, 0) for number in range(2, 13)))
    await asyncio.gather(*(metadata.unregister(number) for number in range(1, 12)))
    assert await states(metadata) == USED
    await asyncio.gather(metadata.unregister(12), *(register(metadata, number, 5) for number in (1, 2)))
    assert await states(metadata) == USED
    await asyncio.gather(*(metadata.unregister(number) for number in (1, 2)))
    assert await states(metadata) == RELEASED
