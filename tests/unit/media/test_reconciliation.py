"""Objects that are deleted while both sides are read are no differences."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from services.media.application.reconciliation import Reconciliation
from services.media.application.size_reader import SizeReader
from services.media.domain.reconciliation import PlacedObject, StoredKey
from tests.support.storage.backends import BACKEND_ID, NOON, PreparedStorage, a_backend

OLD = NOON - timedelta(hours=1)
KEY, USED = StoredKey("bytes", 5, OLD), PlacedObject("o", "object", True, OLD)


class Stored(PreparedStorage):
    """A storage that still has some bytes."""

    def __init__(self, *paths: str) -> None:
        self._paths = paths

    async def size(self, path: str) -> int | None:
        return 5 if path in self._paths else None


class OneKey:
    async def page(self, _prefix: str, _token: str) -> tuple[Sequence[StoredKey], str]:
        return [KEY], ""


class OneObject:
    """Lists an object, which `still` is there when it is looked up, maybe in another state."""

    def __init__(self, *still: PlacedObject) -> None:
        self._still = still

    async def list_places(
        self, _storage_id: str, _prefix: str, _token: str
    ) -> tuple[Sequence[PlacedObject], str]:
        return [USED], ""

    async def find_at(self, _storage_ids: Sequence[str], paths: Sequence[str]) -> list[PlacedObject]:
        return [one for one in self._still if one.storage_path in paths]


@pytest.mark.parametrize(
    ("objects", "storage", "kinds"),
    [
        (OneObject(USED), Stored("bytes"), ["Orphaned", "Missing"]),
        (OneObject(USED), Stored(), ["Missing"]),
        (OneObject(), Stored("bytes"), ["Orphaned"]),
        (OneObject(USED._replace(is_registered=False)), Stored("object"), []),
        (OneObject(USED._replace(is_registered=False)), Stored(), []),
    ],
)
async def test_what_seems_wrong_is_looked_at_again(
    objects: OneObject, storage: Stored, kinds: list[str]
) -> None:
    reader = SizeReader({BACKEND_ID: storage}, 2)
    steps = Reconciliation([a_backend()], {BACKEND_ID: OneKey()}, objects, reader, clock=lambda: NOON)
    step = await steps.step("")
    assert [type(one).__name__ for one in step.differences] == kinds
    assert (step.stored, step.objects, step.recent, step.next_token) == (1, 1, 0, "")
