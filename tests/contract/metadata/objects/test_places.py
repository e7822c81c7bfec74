"""Objects are listed in the order of the keys of a bucket, in pages, from any key on."""

import random
from typing import Any

import pytest

from services.metadata.application.ports import Tables
from services.metadata.domain.ids import ObjectId, StorageId
from services.metadata.domain.objects.copies import Copy, CopyState
from services.metadata.domain.objects.object import PlacedObject, State
from services.shared.errors import InvalidArgument
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.flows import flow_id
from tests.support.metadata.rules import STORAGE, Metadata, a_segment, a_stored_object, an_object

ELSEWHERE = "5d1f6a2e-0000-4000-8000-00000000000b"
INSIDE: dict[str, Any] = {"external_urls": ()}


def a_copy(name: str, path: str, storage_id: str = STORAGE, state: CopyState = CopyState.STORED) -> Copy:
    return Copy(ObjectId(name), StorageId(storage_id), path, state, 1, 1)


async def listed(metadata: Metadata, prefix: str = "", start: str = "", size: int = 0) -> list[PlacedObject]:
    """The objects on all pages."""
    found: list[PlacedObject] = []
    token = ""
    while True:
        page = await metadata.places.list_page(STORAGE, prefix, start, size, token)
        found += page.items
        token = page.next_token
        if not token:
            return found


async def test_pages_are_in_the_order_of_bytes_and_of_one_backend(metadata: Metadata) -> None:
    keys = [f"p/{number:03}" for number in range(40)]
    keys += ["p-", "p", "q/1", "p/é", "p/\U0001f600", "p/Z", "p/a/b"]
    random.Random(7).shuffle(keys)
    # A load may give several objects one place. One of them has its own bytes there, the other one a copy.
    stored = [a_stored_object(f"{key}?0", key) for key in keys]
    others = [a_stored_object("x", "p/5", storage_id=ELSEWHERE), a_stored_object("outside", None)]
    copies = [a_copy(f"{key}?1", key) for key in keys]
    copies.append(a_copy("x", "p/-"))
    copies.append(a_copy("p?0", "p/z", ELSEWHERE))

    def add(tables: Tables) -> None:
        tables.objects.add([*stored, *others])
        tables.copies.put(copies)

    await metadata.store.write(add)
    places = [(key, f"{key}?{copy}") for key in keys for copy in range(2)]
    expected = sorted([*places, ("p/-", "x")], key=_bytes)
    for size in (1, 7, 1000):
        assert [one.place for one in await listed(metadata, size=size)] == expected
    asked = ("p/", ""), ("p/", "p/015"), ("p/", "p/z"), ("", "p/é"), ("q", "p"), ("p/1", "p/2")
    for prefix, start in asked:
        found = [one.place for one in await listed(metadata, prefix, start, size=5)]
        assert found == [place for place in expected if place[0].startswith(prefix) and place[0] >= start]
    paths = ["p/é", "p/5", "p/z", "p/007"]
    at = {(one.object_id, one.storage_path) for one in await metadata.places.find([STORAGE], paths)}
    assert at == {(f"{path}?{copy}", path) for path in ("p/é", "p/007") for copy in range(2)}
    elsewhere = {one[:2] for one in await metadata.places.find([ELSEWHERE], paths)}
    assert elsewhere == {("x", "p/5"), ("p?0", "p/z")}
    assert await metadata.places.find([], paths) == await metadata.places.find([STORAGE], []) == []
    assert (await metadata.places.list_page(ELSEWHERE, "", "", 0, "")).items[0].object_id == "x"


def _bytes(place: tuple[str, str]) -> tuple[bytes, bytes]:
    return place[0].encode(), place[1].encode()


async def test_a_place_has_the_state_and_its_age(metadata: Metadata, engine: Engine) -> None:
    await metadata.put_flows((1,))
    await metadata.objects.reserve(flow_id(1), list(map(an_object, "ab")))
    (allocated, _) = await listed(metadata)
    engine.pass_time(5)
    assert await metadata.register(1, a_segment(0, 1, "a", **INSIDE)) == []
    (a, b) = await listed(metadata)
    assert (allocated.is_registered, a.is_registered, b.is_registered) == (False, True, False)
    assert a.changed_ms - allocated.changed_ms in range(5000, 60_000)
    with pytest.raises(InvalidArgument):
        await metadata.places.list_page(STORAGE, "", "", 0, "x")
    assert State.ALLOCATED in {row["state"] for row in engine.rows("objects")}


async def test_only_stored_copies_of_registered_objects_have_to_be_there(metadata: Metadata) -> None:
    copies = [a_copy("used", str(state), state=state) for state in CopyState]
    copies = [copy._replace(storage_id=StorageId(f"{ELSEWHERE[:-1]}{at}")) for at, copy in enumerate(copies)]
    later = a_copy("used", "later", ELSEWHERE)._replace(changed_ms=2**42)
    reclaimed = a_copy("gone", "deleting", ELSEWHERE)
    backends = [copy.storage_id for copy in (*copies, later)]

    def add(tables: Tables) -> None:
        tables.objects.add([a_stored_object("used", "used"), a_stored_object("gone", "gone")])
        tables.objects.retire([ObjectId("gone")], State.RECLAIMED)
        tables.copies.put([*copies, later, reclaimed])

    await metadata.store.write(add)
    paths = [copy.storage_path for copy in (*copies, later, reclaimed)]
    found = {one.storage_path: one for one in await metadata.places.find(backends, paths)}
    assert {path: one.is_registered for path, one in found.items()} == {
        "copying": False, "stored": True, "retired": False, "reclaimed": False, "later": True,
        "deleting": False,
    }  # fmt: skip
    (own,) = await metadata.places.find([STORAGE], ["used"])
    assert (found["stored"].changed_ms, found["later"].changed_ms) == (own.changed_ms, 2**42)
    page = await metadata.places.list_page(ELSEWHERE, "", "", 0, "")
    assert list(page.items) == [found["deleting"], found["later"]]
