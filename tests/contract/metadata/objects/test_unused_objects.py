"""The list of unused objects agrees with claims."""

from typing import Any

import pytest

from services.metadata.application.objects.objects import CLAIM_SECONDS, Ages
from services.metadata.domain.objects.object import State
from services.shared.errors import InvalidArgument
from services.shared.paging import encode_token
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.flows import flow_id
from tests.support.metadata.rules import Metadata, a_segment, an_object, object_ids

INSIDE: dict[str, Any] = {"external_urls": ()}
HOUR = 3600
AGES = Ages(HOUR, 24 * HOUR)


@pytest.fixture(autouse=True)
async def flows(metadata: Metadata) -> None:
    await metadata.put_flows((1, 2))


async def listed(metadata: Metadata, ages: Ages = AGES, size: int = 0) -> list[tuple[str, State]]:
    """The ids and states on all pages."""
    found: list[tuple[str, State]] = []
    token = ""
    while True:
        page = await metadata.unused_objects.page(ages, size, token)
        found += [(one.item.id, one.item.state) for one in page.items]
        token = page.next_token
        if not token:
            return found


async def reserve_and_register(metadata: Metadata, start: int, *names: str) -> None:
    await metadata.objects.reserve(flow_id(1), list(map(an_object, names)))
    segments = [a_segment(start + at, start + at + 1, name, **INSIDE) for at, name in enumerate(names)]
    assert await metadata.register(1, *segments) == []


@pytest.mark.parametrize("size", [1, 2, 100])
async def test_the_list_has_what_a_claim_takes_in_its_order(
    metadata: Metadata, engine: Engine, size: int
) -> None:
    await reserve_and_register(metadata, 0, "used", "claimed", "newly claimed")
    await metadata.unregister(1, object_id="claimed")
    engine.pass_time(HOUR)
    assert [one.id for one in (await metadata.objects.claim(AGES, 0)).objects] == ["claimed"]
    await metadata.objects.reserve(flow_id(1), [an_object("z"), an_object("y")])
    await metadata.register(1, a_segment(50, 51, "outside"))
    engine.pass_time(24 * HOUR - CLAIM_SECONDS - HOUR)
    await reserve_and_register(metadata, 10, "c", "b", "a")
    await metadata.unregister(1, object_id="b")
    engine.pass_time(1)
    for name in ("a", "c", "newly claimed", "outside"):
        await metadata.unregister(1, object_id=name)
    engine.pass_time(HOUR)
    await metadata.objects.reserve(flow_id(1), [an_object("new")])
    engine.pass_time(CLAIM_SECONDS)
    expected = [
        ("claimed", State.RECLAIMED),
        ("b", State.UNREFERENCED),
        ("a", State.UNREFERENCED),
        ("c", State.UNREFERENCED),
        ("newly claimed", State.UNREFERENCED),
        ("y", State.ALLOCATED),
        ("z", State.ALLOCATED),
    ]
    assert sorted(await listed(metadata, size=size)) == sorted(expected)
    assert [state for _, state in await listed(metadata, size=size)] == [state for _, state in expected]
    claimed, _ = await metadata.objects.claim(AGES, 0)
    assert sorted(one.id for one in claimed) == sorted(name for name, _ in expected)
    assert await listed(metadata, size=size) == []


async def test_an_object_that_is_registered_after_the_list_is_not_claimed(
    metadata: Metadata, engine: Engine
) -> None:
    await metadata.objects.reserve(flow_id(1), [an_object("a"), an_object("b")])
    engine.pass_time(24 * HOUR)
    assert [name for name, _ in await listed(metadata)] == ["a", "b"]
    assert await metadata.register(1, a_segment(0, 1, "a", **INSIDE)) == []
    assert [name for name, _ in await listed(metadata)] == ["b"]
    assert [one.id for one in (await metadata.objects.claim(AGES, 0)).objects] == ["b"]


async def test_many_objects_of_the_same_time_are_on_pages(metadata: Metadata, engine: Engine) -> None:
    names = [f"{number:04}" for number in range(900)]
    for start in (0, 400, 800):
        await metadata.objects.reserve(flow_id(1), list(map(an_object, names[start : start + 400])))
        engine.pass_time(1)
    engine.pass_time(24 * HOUR)
    assert [name for name, _ in await listed(metadata, size=90)] == names


async def test_only_states_with_an_age_are_listed(metadata: Metadata, engine: Engine) -> None:
    await reserve_and_register(metadata, 0, "a")
    await metadata.objects.reserve(flow_id(1), [an_object("z")])
    await metadata.unregister(1)
    engine.pass_time(1000 * HOUR)
    assert await listed(metadata, Ages(None, None)) == []
    assert await listed(metadata, Ages(None, 0)) == [("z", State.ALLOCATED)]
    assert await listed(metadata, Ages(0, None)) == [("a", State.UNREFERENCED)]


async def test_an_object_that_is_used_in_spite_of_its_state_is_neither_listed_nor_claimed(
    metadata: Metadata, engine: Engine
) -> None:
    await reserve_and_register(metadata, 0, "a", "b")

    await metadata.store.write(lambda tables: tables.objects.retire(object_ids("a"), State.UNREFERENCED))
    await metadata.unregister(1, object_id="b")
    engine.pass_time(HOUR)
    assert [name for name, _ in await listed(metadata, size=1)] == ["b"]
    assert [one.id for one in (await metadata.objects.claim(AGES, 0)).objects] == ["b"]


@pytest.mark.parametrize(
    "token",
    [
        "x",
        encode_token("trash", ("allocated", 0, "a")),
        encode_token("unused objects", ("registered", 0, "a")),
        encode_token("unused objects", ("allocated", -1, "a")),
        encode_token("unused objects", ("allocated", 2**63, "a")),
    ],
)
async def test_foreign_tokens_are_refused(metadata: Metadata, token: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await metadata.unused_objects.page(AGES, 1, token)
    assert caught.value.reason == "BAD_PAGE_TOKEN"
