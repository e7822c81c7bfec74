import asyncio
from typing import Any

import pytest

from services.metadata.application.objects.objects import CLAIM_SECONDS, Ages
from services.metadata.domain.objects.object import MediaObject, Place, State
from services.shared.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from services.shared.timerange import TimeRange
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import STORAGE, Metadata, a_segment, a_stored_object, an_object, object_ids

INSIDE: dict[str, Any] = {"external_urls": ()}


@pytest.fixture(autouse=True)
async def flows(metadata: Metadata) -> None:
    await metadata.put_flows((1, 2))


async def states(metadata: Metadata, *names: str) -> dict[str, State]:
    objects = await metadata.store.read(lambda tables: tables.objects.get_many(object_ids(*names)))
    return {name: stored.state for name, stored in objects.items()}


def registered_by(number: int) -> MediaObject:
    owner = flow_id(number)
    return a_stored_object("o", "path/o")._replace(allocated_for_flow=owner, first_referenced_by_flow=owner)


async def refusal_reason(metadata: Metadata, *objects: Place, number: int = 1) -> str:
    with pytest.raises((AlreadyExists, FailedPrecondition, InvalidArgument, NotFound)) as caught:
        await metadata.objects.reserve(flow_id(number), objects)
    return caught.value.reason


async def test_a_reserved_object_is_not_found_before_its_registration(metadata: Metadata) -> None:
    assert await metadata.objects.reserve(flow_id(1), [an_object("a/b"), an_object("\u00e9")]) == "video/mp2t"
    assert await states(metadata, "a/b", "\u00e9", "c") == {"a/b": State.ALLOCATED, "\u00e9": State.ALLOCATED}
    with pytest.raises(NotFound) as caught:
        await metadata.references("a/b")
    assert caught.value.reason == "OBJECT_NOT_FOUND"


async def test_an_empty_reservation_returns_the_container(metadata: Metadata) -> None:
    assert await metadata.objects.reserve(flow_id(1), []) == "video/mp2t"


async def test_an_id_in_use_refuses_the_whole_reservation(metadata: Metadata) -> None:
    await metadata.objects.reserve(flow_id(1), [an_object("taken")])
    await metadata.register(1, a_segment(0, 10, "outside"))
    for taken in ("taken", "outside", "new"):
        for number in (1, 2):
            objects = an_object("new"), an_object(taken)
            assert await refusal_reason(metadata, *objects, number=number) == "OBJECT_EXISTS"
    assert await states(metadata, "new") == {}


@pytest.mark.parametrize(
    "invalid",
    [
        an_object(""),
        an_object("x" * 1025),
        an_object("a\0b"),
        an_object("a")._replace(storage_id=""),
        an_object("a")._replace(storage_path=""),
    ],
)
async def test_an_invalid_object_refuses_the_whole_reservation(metadata: Metadata, invalid: Place) -> None:
    assert await refusal_reason(metadata, an_object("fine"), invalid) == "BAD_OBJECT"
    assert await states(metadata, "fine") == {}


async def test_a_reservation_for_a_flow_that_may_not_own_objects_is_refused(metadata: Metadata) -> None:
    await metadata.put(a_flow(3, "multi", container=None))
    assert await refusal_reason(metadata, number=3) == "NO_CONTAINER"
    assert await refusal_reason(metadata, number=9) == "FLOW_NOT_FOUND"


async def test_the_number_of_objects_in_a_reservation_is_bounded(metadata: Metadata) -> None:
    objects = [an_object(f"{number}") for number in range(1001)]
    assert await refusal_reason(metadata, *objects) == "TOO_MANY_ITEMS"
    await metadata.objects.reserve(flow_id(1), objects[:1000])


async def test_the_first_flow_of_an_object_stays_when_another_flow_uses_it_again(metadata: Metadata) -> None:
    await metadata.objects.reserve(flow_id(1), [an_object("o")])
    await metadata.register(1, a_segment(0, 1, **INSIDE))
    await metadata.unregister(1)
    assert await states(metadata, "o") == {"o": State.UNREFERENCED}
    await metadata.register(2, a_segment(0, 1, **INSIDE))
    known, _ = await metadata.objects.get("o", 0, "")
    assert known == registered_by(1)


async def test_references_are_counted(metadata: Metadata, engine: Engine) -> None:
    await metadata.objects.reserve(flow_id(2), [an_object("o")])
    await metadata.register(2, a_segment(0, 1, **INSIDE), a_segment(1, 2, **INSIDE))
    await metadata.register(1, a_segment(0, 1, **INSIDE))
    assert await metadata.references("o") == [flow_id(1), flow_id(2)]
    known, _ = await metadata.objects.get("o", 0, "")
    assert known == registered_by(2)
    await metadata.unregister(2, TimeRange(0, 1))
    assert await metadata.references("o") == [flow_id(1), flow_id(2)]
    await metadata.flows.delete(flow_id(2))
    assert await metadata.references("o") == [flow_id(1)]
    await metadata.unregister(1)
    assert await states(metadata, "o") == {"o": State.UNREFERENCED}
    with pytest.raises(NotFound):
        await metadata.references("o")


async def test_an_unreferenced_object_may_be_used_again(metadata: Metadata) -> None:
    await metadata.objects.reserve(flow_id(1), [an_object("o")])
    await metadata.register(1, a_segment(0, 1, **INSIDE))
    await metadata.unregister(1)
    assert await metadata.register(2, a_segment(0, 1, **INSIDE)) == []
    assert await states(metadata, "o") == {"o": State.REGISTERED}
    assert await metadata.references("o") == [flow_id(2)]
    assert await refusal_reason(metadata, an_object("o")) == "OBJECT_EXISTS"


async def test_an_object_outside_the_store_is_removed_with_its_last_reference(metadata: Metadata) -> None:
    await metadata.register(1, a_segment(0, 1, "out"))
    await metadata.register(2, a_segment(0, 1, "out", **INSIDE))
    await metadata.unregister(1)
    assert await metadata.references("out") == [flow_id(2)]
    await metadata.unregister(2)
    assert await states(metadata, "out") == {}
    await metadata.objects.reserve(flow_id(1), [an_object("out")])


async def test_an_object_of_another_flow_may_be_used_once_it_is_registered(metadata: Metadata) -> None:
    await metadata.objects.reserve(flow_id(1), [an_object("o")])
    (failed,) = await metadata.register(2, a_segment(0, 1, **INSIDE))
    assert failed.error.reason == "FOREIGN_OBJECT"
    await metadata.register(1, a_segment(0, 1, **INSIDE))
    assert await metadata.register(2, a_segment(0, 1, **INSIDE)) == []


async def test_references_of_an_object_are_paged(metadata: Metadata) -> None:
    await metadata.put_flows(range(3, 8))
    for number in range(1, 8):
        await metadata.register(number, a_segment(0, 1))
    flow_ids: list[str] = []
    token = ""
    for _ in range(50):
        _, page = await metadata.objects.get("o", 3, token)
        flow_ids += page.items
        token = page.next_token
        if not token:
            break
    assert flow_ids == [flow_id(number) for number in range(1, 8)]
    with pytest.raises(InvalidArgument) as caught:
        await metadata.objects.get("o", 3, "x")
    assert caught.value.reason == "BAD_PAGE_TOKEN"


async def unmeasured(metadata: Metadata, limit: int = 0) -> list[str]:
    return [unmeasured_object.id for unmeasured_object in await metadata.objects.unmeasured(limit)]


async def register_objects(metadata: Metadata, *names: str) -> None:
    """Reserve objects and register a segment of each."""
    await metadata.objects.reserve(flow_id(1), [an_object(name) for name in names])
    segments = [a_segment(ord(name), ord(name) + 1, name, **INSIDE) for name in names]
    assert await metadata.register(1, *segments) == []


async def test_registered_objects_in_the_store_are_to_be_measured_in_order(
    metadata: Metadata, engine: Engine
) -> None:
    await metadata.objects.reserve(flow_id(1), [an_object("allocated")])
    await metadata.register(1, a_segment(0, 1, "outside"))
    assert await unmeasured(metadata) == []
    for name in "bac":
        await register_objects(metadata, name)
        engine.pass_time(0.001)
    assert await unmeasured(metadata) == ["b", "a", "c"]
    assert await unmeasured(metadata, 2) == ["b", "a"]
    locations = await metadata.objects.unmeasured(1)
    assert [(location.id, location.storage_id, location.storage_path) for location in locations] == [
        ("b", STORAGE, "path/b")
    ]


async def test_a_measured_object_keeps_its_size(metadata: Metadata, engine: Engine) -> None:
    await register_objects(metadata, "a", "b")
    for _ in range(2):
        await metadata.objects.record_sizes({"a": 5, "b": 0, "unknown": 7}, {"a": "0f-2", "unknown": "1"})
    assert await unmeasured(metadata) == []
    measured = {row["id"]: (row["size"], row["etag"]) for row in engine.rows("objects")}
    assert measured == {"a": (5, "0f-2"), "b": (0, None)}
    await metadata.objects.record_sizes({"a": None})
    await metadata.objects.record_sizes({"a": 5}, {"a": ""})
    assert {row["etag"] for row in engine.rows("objects")} == {"0f-2", None}
    await metadata.unregister(1)
    assert await metadata.register(2, a_segment(0, 1, "a", **INSIDE)) == []
    engine.pass_time(10_000)
    assert await unmeasured(metadata) == []
    assert (await metadata.objects.get("a", 0, ""))[0].size == 5


async def test_an_object_without_bytes_is_measured_at_growing_intervals(
    metadata: Metadata, engine: Engine
) -> None:
    await register_objects(metadata, "a")
    for wait in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600):
        assert await unmeasured(metadata) == ["a"]
        await metadata.objects.record_sizes({"a": None})
        engine.pass_time(wait - 0.01)
        assert await unmeasured(metadata) == []
        engine.pass_time(0.01)


async def test_an_object_without_references_is_not_measured(metadata: Metadata) -> None:
    await register_objects(metadata, "a")
    await metadata.unregister(1)
    assert await unmeasured(metadata) == []


async def test_negative_sizes_and_too_many_sizes_are_refused(metadata: Metadata) -> None:
    await register_objects(metadata, "a")
    for sizes, reason in (({"a": -1}, "BAD_SIZE"), ({str(n): 1 for n in range(1001)}, "TOO_MANY_ITEMS")):
        with pytest.raises(InvalidArgument) as caught:
            await metadata.objects.record_sizes(sizes)
        assert caught.value.reason == reason
    for etag in ('"', " ", "é", "x" * 129):
        with pytest.raises(InvalidArgument) as caught:
            await metadata.objects.record_sizes({"a": 1}, {"a": etag})
        assert caught.value.reason == "BAD_ETAG"
    assert await unmeasured(metadata) == ["a"]


HOUR = 3600
BOTH = Ages(HOUR, 24 * HOUR)


async def claim(metadata: Metadata, ages: Ages = BOTH, limit: int = 0) -> list[str]:
    return [claimed.id for claimed in (await metadata.objects.claim(ages, limit)).objects]


async def test_unreferenced_objects_are_claimed_after_a_grace_period(
    metadata: Metadata, engine: Engine
) -> None:
    await register_objects(metadata, "a", "b")
    engine.pass_time(100 * HOUR)
    await metadata.unregister(1, object_id="a")
    assert await claim(metadata) == []
    engine.pass_time(HOUR - 1)
    assert await claim(metadata) == []
    engine.pass_time(1)
    ((location,), _) = await metadata.objects.claim(BOTH, 0)
    assert (location.id, location.storage_id, location.storage_path) == ("a", STORAGE, "path/a")
    assert await states(metadata, "a", "b") == {"a": State.RECLAIMED, "b": State.REGISTERED}


async def test_unregistered_objects_are_claimed_after_a_longer_period(
    metadata: Metadata, engine: Engine
) -> None:
    await metadata.objects.reserve(flow_id(1), [an_object("a")])
    engine.pass_time(24 * HOUR - 1)
    assert await claim(metadata) == []
    engine.pass_time(1)
    assert await claim(metadata, Ages(0, None)) == []
    assert await claim(metadata) == ["a"]


async def test_objects_are_claimed_only_for_given_ages(metadata: Metadata, engine: Engine) -> None:
    await metadata.objects.reserve(flow_id(1), [an_object("z")])
    await register_objects(metadata, "a")
    await metadata.unregister(1)
    engine.pass_time(1000 * HOUR)
    assert await claim(metadata, Ages(None, None)) == []
    assert await claim(metadata, Ages(None, 0)) == ["z"]
    assert await claim(metadata, Ages(0, None)) == ["a"]


async def test_an_object_used_again_within_the_grace_period_is_not_claimed(
    metadata: Metadata, engine: Engine
) -> None:
    await register_objects(metadata, "a")
    await metadata.unregister(1)
    engine.pass_time(HOUR - 1)
    assert await metadata.register(2, a_segment(0, 1, "a", **INSIDE)) == []
    engine.pass_time(HOUR)
    assert await claim(metadata) == []
    await metadata.unregister(2)
    engine.pass_time(HOUR - 1)
    assert await claim(metadata) == []


async def test_a_claimed_object_cannot_be_used_until_it_is_forgotten(
    metadata: Metadata, engine: Engine
) -> None:
    await register_objects(metadata, "a")
    await metadata.unregister(1)
    engine.pass_time(HOUR)
    assert await claim(metadata) == ["a"]
    outside: dict[str, Any] = {}
    for urls in (INSIDE, outside):
        (failed,) = await metadata.register(1, a_segment(0, 1, "a", **urls))
        assert failed.error.reason == "OBJECT_RECLAIMED"
    assert await refusal_reason(metadata, an_object("a")) == "OBJECT_EXISTS"
    for _ in range(2):
        await metadata.objects.forget(["a", "unknown"])
    assert await states(metadata, "a") == {}
    (failed,) = await metadata.register(1, a_segment(0, 1, "a", **INSIDE))
    assert failed.error.reason == "UNKNOWN_OBJECT"
    await metadata.objects.reserve(flow_id(1), [an_object("a")])


async def test_only_claimed_objects_are_forgotten(metadata: Metadata) -> None:
    await register_objects(metadata, "a", "b")
    await metadata.unregister(1, object_id="b")
    await metadata.objects.reserve(flow_id(1), [an_object("c")])
    await metadata.objects.forget(["a", "b", "c"])
    assert set(await states(metadata, "a", "b", "c")) == {"a", "b", "c"}


async def test_an_unfinished_claim_is_repeated_first(metadata: Metadata, engine: Engine) -> None:
    await register_objects(metadata, "a", "b")
    await metadata.unregister(1, object_id="b")
    engine.pass_time(HOUR)
    assert await claim(metadata) == ["b"]
    await metadata.unregister(1, object_id="a")
    engine.pass_time(CLAIM_SECONDS - 1)
    assert await claim(metadata, Ages(None, None)) == []
    engine.pass_time(1)
    assert await claim(metadata, Ages(0, 0), 1) == ["b"]
    assert await claim(metadata, Ages(0, 0), 1) == ["a"]
    assert await claim(metadata, Ages(0, 0)) == []


async def test_objects_are_claimed_once_and_the_oldest_first(metadata: Metadata, engine: Engine) -> None:
    for name in "bac":
        await metadata.objects.reserve(flow_id(1), [an_object(name)])
        engine.pass_time(1)
    engine.pass_time(24 * HOUR)
    both = await asyncio.gather(claim(metadata, limit=1), claim(metadata, limit=1))
    assert sorted(both) == [["a"], ["b"]]
    assert await claim(metadata) == ["c"]


async def test_a_simultaneous_claim_and_registration_do_not_both_succeed(
    metadata: Metadata, engine: Engine
) -> None:
    for start in range(5):
        name = f"o{start}"
        await metadata.objects.reserve(flow_id(1), [an_object(name)])
        engine.pass_time(24 * HOUR)
        failed, claimed = await asyncio.gather(
            metadata.register(1, a_segment(start, start + 1, name, **INSIDE)), claim(metadata)
        )
        assert (failed == []) != (claimed == [name])


async def test_too_many_objects_to_forget_and_invalid_ages_are_refused(metadata: Metadata) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await metadata.objects.forget(["a"] * 1001)
    assert caught.value.reason == "TOO_MANY_ITEMS"
    for ages in (Ages(-1, None), Ages(None, 2**62)):
        with pytest.raises(InvalidArgument) as caught:
            await metadata.objects.claim(ages, 1)
        assert caught.value.reason == "BAD_AGE"


async def test_texts_that_are_not_object_ids_are_not_located(metadata: Metadata) -> None:
    await metadata.put_flows([1])
    await metadata.objects.reserve(flow_id(1), [an_object("a")])
    located = await metadata.objects.locate(["a", "a\0b", "", "x" * 1_000_000])
    assert [item.id for item in located] == ["a"]
    assert await metadata.objects.locate(["a\0b", "z"]) == []
