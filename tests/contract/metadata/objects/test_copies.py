"""Copies of objects: begun, finished, retired, claimed, and kept with their object."""

import asyncio

import pytest

from services.metadata.application.objects import copy_places
from services.metadata.application.objects.copies import LEASE_MS, Begun, ObjectCopies
from services.metadata.application.objects.idle_copies import INTERRUPTED_SECONDS, IdleCopies
from services.metadata.application.objects.objects import CLAIM_SECONDS, Ages
from services.metadata.domain.ids import ObjectId
from services.metadata.domain.objects.copies import MAX_COPIES, CopyState, decoded_places
from services.metadata.domain.objects.object import Place, State
from services.shared.errors import TamsError
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.flows import flow_id
from tests.support.metadata.rules import STORAGE, Metadata, a_segment, an_object, object_ids

SECOND, THIRD = ("5d1f6a2e-0000-4000-8000-00000000000b", "5d1f6a2e-0000-4000-8000-00000000000c")
AT_SECOND, AT_THIRD = Place("o", SECOND, "second/o"), Place("o", THIRD, "third/o")
OWN = Place("o", STORAGE, "path/o")


class Copies:
    """The rules of copies on one store."""

    def __init__(self, metadata: Metadata) -> None:
        self.metadata = metadata
        self.rules = ObjectCopies(metadata.store, metadata.clock)
        self.idle = IdleCopies(metadata.store, metadata.clock)

    async def begin(self, place: Place) -> Begun | str:
        (result,) = await self.rules.begin([place])
        return result.reason if isinstance(result, TamsError) else result

    async def finish(self, place: Place, *, move: bool = False) -> str | None:
        (result,) = await self.rules.finish([place], move=move)
        return result.reason if result is not None else None

    async def copy(self, place: Place, *, move: bool = False) -> None:
        assert isinstance(await self.begin(place), Begun)
        assert await self.finish(place, move=move) is None

    async def retire(self, storage_id: str) -> str | None:
        try:
            await self.rules.retire("o", storage_id)
        except TamsError as error:
            return error.reason
        return None

    async def states(self) -> dict[str, CopyState]:
        copied = await self.rules.list("o")
        return {storage_id: copy.state for storage_id, copy in copied.copies.items()}

    async def places(self) -> list[tuple[str, str]]:
        """The places that a segment of the object names, its own place first."""
        (segment,) = await self.metadata.all_segments(1)
        stored = await self.metadata.store.read(lambda tables: tables.objects.get_many(object_ids("o")))
        item = stored[ObjectId("o")]
        assert (segment.storage_id, segment.copies) == (item.storage_id, item.copies)
        return [(segment.storage_id or "", segment.storage_path or ""), *decoded_places(segment.copies)]

    async def claim(self, seconds: int = 0) -> list[tuple[str, str]]:
        claimed = await self.idle.claim(seconds, 10)
        return [(copy.storage_id, copy.storage_path) for copy in claimed]


@pytest.fixture
async def copies(metadata: Metadata) -> Copies:
    await metadata.put_flows((1, 2))
    await metadata.objects.reserve(flow_id(1), [an_object("o"), an_object("unused")])
    assert await metadata.register(1, a_segment(0, 10, external_urls=())) == []
    return Copies(metadata)


async def test_a_copy_is_handed_out_once_it_is_finished(copies: Copies) -> None:
    begun = await copies.begin(AT_SECOND)
    assert begun == Begun(AT_SECOND, CopyState.COPYING, [OWN])
    assert await copies.begin(AT_SECOND) == begun._replace(is_busy=True)
    assert await copies.places() == [OWN[1:]]
    copies.metadata.pass_time(LEASE_MS / 1000)
    # An interrupted copy keeps its path.
    assert await copies.begin(AT_SECOND._replace(storage_path="other/o")) == begun
    assert await copies.rules.renew([AT_SECOND, AT_THIRD]) == [AT_SECOND]
    assert [await copies.finish(AT_SECOND) for _ in range(2)] == [None, None]
    assert await copies.places() == [OWN[1:], AT_SECOND[1:]]
    assert await copies.begin(AT_SECOND) == Begun(AT_SECOND, CopyState.STORED, [OWN, AT_SECOND])
    assert await copies.begin(OWN) == Begun(OWN, CopyState.STORED, [OWN, AT_SECOND], is_first=True)
    assert await copies.finish(AT_THIRD) == "COPY_NOT_FOUND"


async def test_a_moved_object_has_another_place_and_its_old_one_is_retired(copies: Copies) -> None:
    await copies.copy(AT_THIRD)
    await copies.copy(AT_SECOND, move=True)
    assert await copies.finish(AT_SECOND, move=True) is None
    assert await copies.places() == [AT_SECOND[1:], AT_THIRD[1:]]
    assert await copies.states() == {STORAGE: CopyState.RETIRED, THIRD: CopyState.STORED}
    # Back again, before the old bytes are deleted.
    await copies.copy(OWN._replace(storage_path="new/o"), move=True)
    assert await copies.places() == [OWN[1:], AT_THIRD[1:]]
    assert await copies.states() == {SECOND: CopyState.RETIRED, THIRD: CopyState.STORED}


async def test_retired_copies_are_claimed_in_time_and_the_last_one_stays(copies: Copies) -> None:
    assert await copies.retire(STORAGE) == "LAST_COPY"
    assert await copies.retire(SECOND) == "COPY_NOT_FOUND"
    await copies.copy(AT_SECOND)
    assert [await copies.retire(STORAGE) for _ in range(2)] == [None, None]
    assert await copies.retire(SECOND) == "LAST_COPY"
    assert await copies.places() == [AT_SECOND[1:]]
    assert await copies.claim(60) == []
    copies.metadata.pass_time(60)
    assert await copies.claim(60) == [OWN[1:]]
    assert await copies.begin(OWN) == "COPY_BEING_DELETED"
    assert await copies.claim(60) == []
    copies.metadata.pass_time(CLAIM_SECONDS)
    assert await copies.claim(60) == [OWN[1:]]
    await copies.idle.forget([OWN, AT_SECOND])
    assert await copies.states() == {}
    assert await copies.places() == [AT_SECOND[1:]]
    assert isinstance(await copies.begin(OWN), Begun)
    copies.metadata.pass_time(INTERRUPTED_SECONDS)
    assert await copies.claim(10**9) == [OWN[1:]]


async def test_copies_go_with_their_object_but_not_while_one_is_written(
    copies: Copies, engine: Engine
) -> None:
    metadata = copies.metadata
    await copies.copy(AT_SECOND)
    await copies.begin(AT_THIRD)
    await metadata.unregister(1)
    assert await copies.begin(AT_THIRD) == "OBJECT_NOT_FOUND"
    engine.pass_time(1)
    assert await metadata.objects.claim(Ages(0, None), 10) == ([], [])
    metadata.pass_time(LEASE_MS / 1000)
    objects, claimed = await metadata.objects.claim(Ages(0, None), 10)
    assert [item.id for item in objects] == ["o"]
    assert {copy[1:3] for copy in claimed} == {AT_SECOND[1:], AT_THIRD[1:]}
    assert await copies.finish(AT_THIRD) == "OBJECT_NOT_FOUND"
    assert await copies.rules.renew([AT_THIRD]) == []
    await metadata.objects.forget(["o"])
    assert engine.rows("object_copies") == []


async def test_what_cannot_be_copied_is_refused(copies: Copies, monkeypatch: pytest.MonkeyPatch) -> None:
    await copies.metadata.register(2, a_segment(0, 10, "outside"))
    for name in ("outside", "unused", "unknown", "x" * 2000):
        assert await copies.begin(AT_SECOND._replace(object_id=name)) == "OBJECT_NOT_FOUND"
    assert await copies.begin(AT_SECOND._replace(storage_path="a/../b")) == "BAD_OBJECT"
    await copies.metadata.backends.register({STORAGE: "one", SECOND: "two"}, 2)
    assert await copies.begin(AT_THIRD) == "UNKNOWN_STORAGE"
    await copies.metadata.register(2, a_segment(20, 30, external_urls=()))
    monkeypatch.setattr(copy_places, "MAX_SEGMENTS", 1)
    assert await copies.begin(AT_SECOND) == "TOO_MANY_SEGMENTS"


async def test_the_number_of_copies_is_bounded(copies: Copies) -> None:
    ids = [f"5d1f6a2e-0000-4000-8000-0000000001{number:02}" for number in range(MAX_COPIES + 1)]
    results = [await copies.begin(Place("o", storage_id, "k")) for storage_id in ids]
    assert [isinstance(result, Begun) for result in results] == [True] * MAX_COPIES + [False]
    assert results[-1] == "TOO_MANY_COPIES"
    with pytest.raises(TamsError) as caught:
        await copies.rules.begin([AT_SECOND] * 1001)
    assert caught.value.reason == "TOO_MANY_ITEMS"


async def test_an_object_taken_up_again_keeps_its_bytes_in_a_race(copies: Copies, engine: Engine) -> None:
    """A registration, a move, a retirement and a claim at once leave a registered object with its bytes."""
    metadata = copies.metadata
    await copies.copy(AT_THIRD)
    for at in range(1, 6):
        await copies.begin(AT_SECOND)
        await metadata.unregister(1)
        engine.pass_time(1)
        metadata.pass_time(LEASE_MS / 1000)
        segment = a_segment(at, at + 1, external_urls=())
        registering = asyncio.create_task(metadata.register(1, segment))
        claiming = asyncio.create_task(metadata.objects.claim(Ages(0, None), 10))
        await asyncio.gather(
            copies.rules.finish([AT_SECOND], move=True),
            copies.rules.retire("o", STORAGE),
            return_exceptions=True,
        )
        failures, (objects, claimed) = await registering, await claiming
        assert bool(failures) == bool(objects), "either the claim or the registration wins"
        if objects:
            gone = {(one.storage_id, one.storage_path) for one in objects}
            gone |= {(copy.storage_id, copy.storage_path) for copy in claimed}
            assert {OWN[1:], AT_THIRD[1:]} <= gone
            return
        stored = await metadata.store.read(lambda tables: tables.objects.get_many(object_ids("o")))
        assert stored[ObjectId("o")].state is State.REGISTERED
        own, *others = await copies.places()
        assert own not in await copies.claim()
        await metadata.unregister(1)
        await metadata.register(1, segment)
        await copies.idle.forget([Place("o", *place) for place in (OWN[1:], AT_SECOND[1:], AT_THIRD[1:])])
        if own != OWN[1:]:
            await copies.copy(OWN, move=True)
        if AT_THIRD[1:] not in others:
            await copies.copy(AT_THIRD)
