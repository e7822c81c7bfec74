import asyncio

import pytest

from services.metadata.application.objects import CLAIM_SECONDS, Ages
from services.metadata.domain.object import MediaObject, State
from services.shared.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from services.shared.timerange import TimeRange
from tests.contract.metadata.conftest import Engine
from tests.support.flows import a_flow, flow_id
from tests.support.metadata import STORAGE, Metadata, a_segment, an_object

INSIDE = {"external_urls": ()}


@pytest.fixture(autouse=True)
async def flows(metadata: Metadata) -> None:
    await metadata.put_flows((1, 2))


async def states(metadata: Metadata, *names: str) -> dict[str, State]:
    found = await metadata.store.read(lambda tables: tables.objects.get_many(names))
    return {name: one.state for name, one in found.items()}


async def refused(metadata: Metadata, *objects: MediaObject, number: int = 1) -> str:
    with pytest.raises((AlreadyExists, FailedPrecondition, InvalidArgument, NotFound)) as caught:
        await metadata.objects.reserve(flow_id(number), objects)
    return caught.value.reason


async def test_a_reserved_object_is_no_object_yet(metadata: Metadata) -> None:
    assert await metadata.objects.reserve(flow_id(1), [an_object("a/b"), an_object("\u00e9")]) == "video/mp2t"
    assert await states(metadata, "a/b", "\u00e9", "c") == {"a/b": State.ALLOCATED, "\u00e9": State.ALLOCATED}
    with pytest.raises(NotFound) as caught:
        await metadata.references("a/b")
    assert caught.value.reason == "OBJECT_NOT_FOUND"


async def test_reserving_nothing_tells_the_container(metadata: Metadata) -> None:
    assert await metadata.objects.reserve(flow_id(1), []) == "video/mp2t"


async def test_all_or_none_are_reserved(metadata: Metadata) -> None:
    await metadata.objects.reserve(flow_id(1), [an_object("taken")])
    await metadata.register(1, a_segment(0, 10, "outside"))
    for taken in ("taken", "outside", "new"):
        for number in (1, 2):
            twice = an_object("new", number), an_object(taken, number)
            assert await refused(metadata, *twice, number=number) == "OBJECT_EXISTS"
    assert await states(metadata, "new") == {}


@pytest.mark.parametrize(
    "unusable",
    [
        an_object(""),
        an_object("x" * 1025),
        an_object("a\0b"),
        an_object("a")._replace(storage_id=""),
        an_object("a")._replace(storage_path=""),
    ],
)
async def test_unusable_objects(metadata: Metadata, unusable: MediaObject) -> None:
    assert await refused(metadata, an_object("fine"), unusable) == "BAD_OBJECT"
    assert await states(metadata, "fine") == {}


async def test_flows_that_own_no_objects(metadata: Metadata) -> None:
    await metadata.put(a_flow(3, "multi", container=None))
    assert await refused(metadata, number=3) == "NO_CONTAINER"
    assert await refused(metadata, number=9) == "FLOW_NOT_FOUND"


async def test_reservations_are_bounded(metadata: Metadata) -> None:
    many = [an_object(f"{number}") for number in range(1001)]
    assert await refused(metadata, *many) == "TOO_MANY_ITEMS"
    await metadata.objects.reserve(flow_id(1), many[:1000])


async def test_who_referenced_it_first_stays_when_another_flow_takes_it_up_again(metadata: Metadata) -> None:
    await metadata.objects.reserve(flow_id(1), [an_object("o")])
    await metadata.register(1, a_segment(0, 1, **INSIDE))
    await metadata.unregister(1)
    assert await states(metadata, "o") == {"o": State.UNREFERENCED}
    await metadata.register(2, a_segment(0, 1, **INSIDE))
    known, _ = await metadata.objects.get("o", 0, "")
    assert known == MediaObject("o", STORAGE, "path/o", State.REGISTERED, flow_id(1), flow_id(1), None)


async def test_references_are_counted(metadata: Metadata, engine: Engine) -> None:
    await metadata.objects.reserve(flow_id(2), [an_object("o", 2)])
    await metadata.register(2, a_segment(0, 1, **INSIDE), a_segment(1, 2, **INSIDE))
    await metadata.register(1, a_segment(0, 1, **INSIDE))
    assert await metadata.references("o") == [flow_id(1), flow_id(2)]
    known, _ = await metadata.objects.get("o", 0, "")
    assert known == MediaObject("o", STORAGE, "path/o", State.REGISTERED, flow_id(2), flow_id(2), None)
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
    assert await refused(metadata, an_object("o")) == "OBJECT_EXISTS"


async def test_an_object_outside_the_store_is_forgotten_with_its_last_reference(metadata: Metadata) -> None:
    await metadata.register(1, a_segment(0, 1, "out"))
    await metadata.register(2, a_segment(0, 1, "out", **INSIDE))
    await metadata.unregister(1)
    assert await metadata.references("out") == [flow_id(2)]
    await metadata.unregister(2)
    assert await states(metadata, "out") == {}
    await metadata.objects.reserve(flow_id(1), [an_object("out")])


async def test_a_foreign_object_opens_up_once_its_flow_used_it(metadata: Metadata) -> None:
    await metadata.objects.reserve(flow_id(1), [an_object("o")])
    (failed,) = await metadata.register(2, a_segment(0, 1, **INSIDE))
    assert failed.error.reason == "FOREIGN_OBJECT"
    await metadata.register(1, a_segment(0, 1, **INSIDE))
    assert await metadata.register(2, a_segment(0, 1, **INSIDE)) == []


async def test_references_come_in_pages(metadata: Metadata) -> None:
    await metadata.put_flows(range(3, 8))
    for number in range(1, 8):
        await metadata.register(number, a_segment(0, 1))
    found, token = [], ""
    for _ in range(50):
        _, page = await metadata.objects.get("o", 3, token)
        found += page.items
        token = page.next_token
        if not token:
            break
    assert found == [flow_id(number) for number in range(1, 8)]
    with pytest.raises(InvalidArgument) as caught:
        await metadata.objects.get("o", 3, "x")
    assert caught.value.reason == "BAD_PAGE_TOKEN"


async def due(metadata: Metadata, limit: int = 0) -> list[str]:
    return [one.id for one in await metadata.objects.unmeasured(limit)]


async def reserved(metadata: Metadata, *names: str) -> None:
    await metadata.objects.reserve(flow_id(1), [an_object(name) for name in names])
    segments = [a_segment(ord(name), ord(name) + 1, name, **INSIDE) for name in names]
    assert await metadata.register(1, *segments) == []


async def test_registered_objects_in_the_store_are_due_to_be_measured(
    metadata: Metadata, engine: Engine
) -> None:
    await metadata.objects.reserve(flow_id(1), [an_object("allocated")])
    await metadata.register(1, a_segment(0, 1, "outside"))
    assert await due(metadata) == []
    for name in "bac":
        await reserved(metadata, name)
        engine.pass_time(0.001)
    assert await due(metadata) == ["b", "a", "c"]
    assert await due(metadata, 2) == ["b", "a"]
    places = await metadata.objects.unmeasured(1)
    assert [(one.id, one.storage_id, one.storage_path) for one in places] == [("b", STORAGE, "path/b")]


async def test_a_measured_object_keeps_its_size(metadata: Metadata, engine: Engine) -> None:
    await reserved(metadata, "a", "b")
    for _ in range(2):
        await metadata.objects.record_sizes({"a": 5, "b": 0, "unknown": 7})
    assert await due(metadata) == []
    assert {row["id"]: row["size"] for row in engine.rows("objects")} == {"a": 5, "b": 0}
    await metadata.objects.record_sizes({"a": None})
    await metadata.unregister(1)
    assert await metadata.register(2, a_segment(0, 1, "a", **INSIDE)) == []
    engine.pass_time(10_000)
    assert await due(metadata) == []
    assert (await metadata.objects.get("a", 0, ""))[0].size == 5


async def test_missing_bytes_are_looked_for_at_growing_intervals(metadata: Metadata, engine: Engine) -> None:
    await reserved(metadata, "a")
    for wait in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600):
        assert await due(metadata) == ["a"]
        await metadata.objects.record_sizes({"a": None})
        engine.pass_time(wait - 0.01)
        assert await due(metadata) == []
        engine.pass_time(0.01)


async def test_an_object_without_references_is_not_measured(metadata: Metadata) -> None:
    await reserved(metadata, "a")
    await metadata.unregister(1)
    assert await due(metadata) == []


async def test_sizes_are_natural_and_bounded_in_number(metadata: Metadata) -> None:
    await reserved(metadata, "a")
    for sizes, reason in (({"a": -1}, "BAD_SIZE"), ({str(n): 1 for n in range(1001)}, "TOO_MANY_ITEMS")):
        with pytest.raises(InvalidArgument) as caught:
            await metadata.objects.record_sizes(sizes)
        assert caught.value.reason == reason
    assert await due(metadata) == ["a"]


HOUR = 3600
BOTH = Ages(HOUR, 24 * HOUR)


async def claimed(metadata: Metadata, ages: Ages = BOTH, limit: int = 0) -> list[str]:
    return [one.id for one in await metadata.objects.claim(ages, limit)]


async def test_unreferenced_objects_are_claimed_after_a_grace_time(
    metadata: Metadata, engine: Engine
) -> None:
    await reserved(metadata, "a", "b")
    engine.pass_time(100 * HOUR)
    await metadata.unregister(1, object_id="a")
    assert await claimed(metadata) == []
    engine.pass_time(HOUR - 1)
    assert await claimed(metadata) == []
    engine.pass_time(1)
    (place,) = await metadata.objects.claim(BOTH, 0)
    assert (place.id, place.storage_id, place.storage_path) == ("a", STORAGE, "path/a")
    assert await states(metadata, "a", "b") == {"a": State.RECLAIMED, "b": State.REGISTERED}


async def test_objects_that_were_never_registered_are_claimed_after_a_longer_time(
    metadata: Metadata, engine: Engine
) -> None:
    await metadata.objects.reserve(flow_id(1), [an_object("a")])
    engine.pass_time(24 * HOUR - 1)
    assert await claimed(metadata) == []
    engine.pass_time(1)
    assert await claimed(metadata, Ages(0, None)) == []
    assert await claimed(metadata) == ["a"]


async def test_nothing_is_claimed_when_ages_are_not_given(metadata: Metadata, engine: Engine) -> None:
    await metadata.objects.reserve(flow_id(1), [an_object("z")])
    await reserved(metadata, "a")
    await metadata.unregister(1)
    engine.pass_time(1000 * HOUR)
    assert await claimed(metadata, Ages(None, None)) == []
    assert await claimed(metadata, Ages(None, 0)) == ["z"]
    assert await claimed(metadata, Ages(0, None)) == ["a"]


async def test_an_object_used_again_within_the_grace_time_stays(metadata: Metadata, engine: Engine) -> None:
    await reserved(metadata, "a")
    await metadata.unregister(1)
    engine.pass_time(HOUR - 1)
    assert await metadata.register(2, a_segment(0, 1, "a", **INSIDE)) == []
    engine.pass_time(HOUR)
    assert await claimed(metadata) == []
    await metadata.unregister(2)
    engine.pass_time(HOUR - 1)
    assert await claimed(metadata) == []


async def test_a_claimed_object_is_out_of_reach_until_it_is_forgotten(
    metadata: Metadata, engine: Engine
) -> None:
    await reserved(metadata, "a")
    await metadata.unregister(1)
    engine.pass_time(HOUR)
    assert await claimed(metadata) == ["a"]
    for urls in (INSIDE, {}):
        (failed,) = await metadata.register(1, a_segment(0, 1, "a", **urls))
        assert failed.error.reason == "OBJECT_RECLAIMED"
    assert await refused(metadata, an_object("a")) == "OBJECT_EXISTS"
    for _ in range(2):
        await metadata.objects.forget(["a", "unknown"])
    assert await states(metadata, "a") == {}
    (failed,) = await metadata.register(1, a_segment(0, 1, "a", **INSIDE))
    assert failed.error.reason == "UNKNOWN_OBJECT"
    await metadata.objects.reserve(flow_id(1), [an_object("a")])


async def test_only_claimed_objects_are_forgotten(metadata: Metadata) -> None:
    await reserved(metadata, "a", "b")
    await metadata.unregister(1, object_id="b")
    await metadata.objects.reserve(flow_id(1), [an_object("c")])
    await metadata.objects.forget(["a", "b", "c"])
    assert set(await states(metadata, "a", "b", "c")) == {"a", "b", "c"}


async def test_a_claim_that_nobody_finished_comes_again_first(metadata: Metadata, engine: Engine) -> None:
    await reserved(metadata, "a", "b")
    await metadata.unregister(1, object_id="b")
    engine.pass_time(HOUR)
    assert await claimed(metadata) == ["b"]
    await metadata.unregister(1, object_id="a")
    engine.pass_time(CLAIM_SECONDS - 1)
    assert await claimed(metadata, Ages(None, None)) == []
    engine.pass_time(1)
    assert await claimed(metadata, Ages(0, 0), 1) == ["b"]
    assert await claimed(metadata, Ages(0, 0), 1) == ["a"]
    assert await claimed(metadata, Ages(0, 0)) == []


async def test_each_object_is_claimed_once_and_the_oldest_first(metadata: Metadata, engine: Engine) -> None:
    for name in "bac":
        await metadata.objects.reserve(flow_id(1), [an_object(name)])
        engine.pass_time(1)
    engine.pass_time(24 * HOUR)
    both = await asyncio.gather(claimed(metadata, limit=1), claimed(metadata, limit=1))
    assert sorted(both) == [["a"], ["b"]]
    assert await claimed(metadata) == ["c"]


async def test_a_claim_and_a_registration_at_once_do_not_both_succeed(
    metadata: Metadata, engine: Engine
) -> None:
    for at in range(5):
        name = f"o{at}"
        await metadata.objects.reserve(flow_id(1), [an_object(name)])
        engine.pass_time(24 * HOUR)
        failed, taken = await asyncio.gather(
            metadata.register(1, a_segment(at, at + 1, name, **INSIDE)), claimed(metadata)
        )
        assert (failed == []) != (taken == [name])


async def test_forgetting_and_ages_are_bounded(metadata: Metadata) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await metadata.objects.forget(["a"] * 1001)
    assert caught.value.reason == "TOO_MANY_ITEMS"
    for ages in (Ages(-1, None), Ages(None, 2**62)):
        with pytest.raises(InvalidArgument) as caught:
            await metadata.objects.claim(ages, 1)
        assert caught.value.reason == "BAD_AGE"
