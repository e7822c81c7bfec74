from collections.abc import Sequence

import pytest

from services.analytics.application.duplicates import ObjectDuplicates
from services.analytics.application.object_accesses import MAX_EXAMINED, ObjectAccesses
from services.analytics.domain.objects import DuplicateReport, ObjectAccess
from services.shared.access.principal import SYSTEM, Principal, Scope
from services.shared.errors import PermissionDenied
from tests.support.access.callers import caller_is

BOB = Principal("jwt:bob", frozenset({Scope.READ}), classes=frozenset({"news"}))


class Numbered:
    """Objects "0", "1" and so on, of which a caller sees each hundredth."""

    def __init__(self, count: int) -> None:
        self._count = count

    async def accesses(self, *, least: bool, limit: int) -> Sequence[ObjectAccess]:
        assert not least
        return [ObjectAccess(f"{n}", "s", None, 0, 0) for n in range(min(limit, self._count))]

    async def duplicates(self, limit: int) -> DuplicateReport:
        return DuplicateReport([], 0, 0, self._count, limit)

    async def seen(self, object_ids: Sequence[str]) -> frozenset[str]:
        assert len(object_ids) <= 1000
        return frozenset(one for one in object_ids if int(one) % 100 == 0)


@pytest.mark.parametrize(
    ("caller", "count", "limit", "found", "complete"),
    [
        (SYSTEM, 50, 20, 20, True),
        (BOB, 50, 20, 1, True),
        (BOB, 5000, 20, 20, True),
        (BOB, MAX_EXAMINED, 1000, 100, False),
    ],
)
async def test_callers_get_the_objects_that_they_see(
    caller: Principal, count: int, limit: int, found: int, complete: bool
) -> None:
    store = Numbered(count)
    with caller_is(caller):
        objects, is_complete = await ObjectAccesses(store, store).list(least=False, limit=limit)
    assert (len(objects), is_complete) == (found, complete)


async def test_duplicates_are_for_callers_with_all_classes() -> None:
    duplicates = ObjectDuplicates(Numbered(3))
    with caller_is(SYSTEM):
        assert (await duplicates.report(5)).compared_objects == 3
    with caller_is(BOB), pytest.raises(PermissionDenied) as refused:
        await duplicates.report(5)
    assert refused.value.reason == "OUTSIDE_CLASSES"
