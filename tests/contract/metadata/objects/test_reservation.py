"""Reservations for several callers at once."""

import asyncio
from collections import Counter
from random import Random

import pytest

from services.metadata.application.objects.objects import MAX_BATCH
from services.metadata.application.objects.reservation import Reservation
from services.shared.errors import InvalidArgument, TamsError
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import STORAGE, Metadata, an_object, object_ids


@pytest.fixture(autouse=True)
async def flows(metadata: Metadata) -> None:
    await metadata.put_flows((1, 2))
    await metadata.put(a_flow(3, read_only=True))


def reservation(number: int, *names: str) -> Reservation:
    return Reservation(flow_id(number), [an_object(name) for name in names])


async def stored(metadata: Metadata, *names: str) -> set[str]:
    objects = await metadata.store.read(lambda tables: tables.objects.get_many(object_ids(*names)))
    return set(objects)


async def test_each_reservation_has_its_own_outcome(metadata: Metadata) -> None:
    await metadata.backends.register({STORAGE: "local"}, 1)
    elsewhere = an_object("f")._replace(storage_id=flow_id(1))
    outcomes = await metadata.objects.reserve_many(
        [
            reservation(1, "a", "b"),
            reservation(9, "c"),
            reservation(3, "c"),
            reservation(2, "c", "b"),
            reservation(2, "c", "c"),
            reservation(2, "c", ""),
            Reservation(flow_id(2), [an_object("c"), elsewhere]),
            reservation(2, "c", "d"),
            reservation(1),
        ]
    )
    assert [outcome.reason if isinstance(outcome, TamsError) else outcome for outcome in outcomes] == [
        "video/mp2t",
        "FLOW_NOT_FOUND",
        "FLOW_READ_ONLY",
        "OBJECT_EXISTS",
        "OBJECT_EXISTS",
        "BAD_OBJECT",
        "UNKNOWN_STORAGE",
        "video/mp2t",
        "video/mp2t",
    ]
    assert await stored(metadata, *"abcdef") == set("abcd")


async def test_of_concurrent_reservations_with_equal_ids_one_wins(metadata: Metadata) -> None:
    random = Random(7)
    batches = [
        [reservation(random.randint(1, 2), *random.sample("abcdefghijklmnop", 3)) for _ in range(4)]
        for _ in range(8)
    ]
    outcomes = await asyncio.gather(*map(metadata.objects.reserve_many, batches))
    pairs = [
        pair
        for batch, results in zip(batches, outcomes, strict=True)
        for pair in zip(batch, results, strict=True)
    ]
    won = Counter(
        place.object_id
        for one, outcome in pairs
        if not isinstance(outcome, TamsError)
        for place in one.places
    )
    assert {outcome.reason for _, outcome in pairs if isinstance(outcome, TamsError)} == {"OBJECT_EXISTS"}
    assert set(won.values()) == {1}
    # All or none: whatever is stored belongs to a reservation that won, and every loser met a winner.
    assert await stored(metadata, *"abcdefghijklmnop") == set(won)
    assert all(
        any(place.object_id in won for place in one.places)
        for one, outcome in pairs
        if isinstance(outcome, TamsError)
    )


async def test_an_empty_batch_has_no_outcome(metadata: Metadata) -> None:
    assert await metadata.objects.reserve_many([]) == []


@pytest.mark.parametrize(
    "batch",
    [
        [reservation(1)] * (MAX_BATCH + 1),
        [reservation(1, *map(str, range(600))), reservation(1, *map(str, range(600, 1001)))],
    ],
)
async def test_a_batch_is_bounded(metadata: Metadata, batch: list[Reservation]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await metadata.objects.reserve_many(batch)
    assert caught.value.reason == "TOO_MANY_ITEMS"
    assert await stored(metadata, "0", "600") == set()
