"""Numbers of signed URLs are added to the objects at their places, and go with the objects."""

from typing import Any

import pytest

from services.metadata.application.objects.objects import Ages
from services.metadata.domain.ids import ObjectId, StorageId
from services.metadata.domain.objects.copies import Copy, CopyState
from services.shared.errors import InvalidArgument
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.flows import flow_id
from tests.support.metadata.rules import STORAGE, Metadata, an_object

ELSEWHERE = "5d1f6a2e-0000-4000-8000-00000000000b"


def accesses(engine: Engine) -> dict[str, tuple[int, int]]:
    """The number of URLs and the time of the last one, by object id."""
    rows: list[dict[str, Any]] = engine.rows("object_accesses")
    return {row["object_id"]: (row["urls"], row["last_ms"]) for row in rows}


@pytest.fixture(autouse=True)
async def objects(metadata: Metadata) -> None:
    await metadata.put_flows((1,))
    await metadata.objects.reserve(flow_id(1), list(map(an_object, "abc")))


async def test_numbers_add_up_and_go_with_their_object(metadata: Metadata, engine: Engine) -> None:
    began = int(metadata.now.timestamp() * 1000)
    places = [((STORAGE, "path/a"), 2), ((STORAGE, "path/b"), 1), ((STORAGE, "path/a"), 3)]
    unknown = [((STORAGE, "path/z"), 9), ((ELSEWHERE, "path/c"), 9), (("", ""), 9)]
    await metadata.accesses.add_urls([*places, *unknown])
    assert accesses(engine) == {"a": (5, began), "b": (1, began)}
    metadata.pass_time(2)
    await metadata.accesses.add_urls([((STORAGE, "path/a"), 10**9)])
    metadata.pass_time(-9)
    await metadata.accesses.add_urls([((STORAGE, "path/a"), 1)])
    assert accesses(engine) == {"a": (10**9 + 6, began + 2000), "b": (1, began)}
    engine.pass_time(1)
    await metadata.objects.claim(Ages(0, 0), 0)
    await metadata.objects.forget(["a", "c"])
    assert accesses(engine) == {"b": (1, began)}
    await metadata.accesses.add_urls([((STORAGE, "path/a"), 1)])
    assert accesses(engine) == {"b": (1, began)}


async def test_urls_of_copies_count_for_their_object(metadata: Metadata, engine: Engine) -> None:
    began = int(metadata.now.timestamp() * 1000)
    states = {"a": CopyState.STORED, "b": CopyState.RETIRED}
    copies = [
        Copy(ObjectId(name), StorageId(ELSEWHERE), f"copy/{name}", state, 0, 0)
        for name, state in states.items()
    ]
    await metadata.store.write(lambda tables: tables.copies.put(copies))
    places = [((STORAGE, "path/a"), 2), ((ELSEWHERE, "copy/a"), 3), ((ELSEWHERE, "copy/b"), 4)]
    for _ in range(2):
        await metadata.accesses.add_urls([*places, ((STORAGE, "copy/a"), 9)])
    assert accesses(engine) == {"a": (10, began), "b": (8, began)}


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ([((STORAGE, "path/a"), 1), ((STORAGE, "path/b"), 0)], "BAD_COUNT"),
        ([((STORAGE, "path/a"), 10**9 + 1)], "BAD_COUNT"),
        ([((STORAGE, "path/a"), 1)] * 1001, "TOO_MANY_ITEMS"),
    ],
)
async def test_a_bad_batch_adds_nothing(
    metadata: Metadata, engine: Engine, numbers: list[tuple[tuple[str, str], int]], reason: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await metadata.accesses.add_urls(numbers)
    assert caught.value.reason == reason
    assert accesses(engine) == {}
