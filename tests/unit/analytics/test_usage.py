from collections.abc import Sequence

import pytest

from services.analytics.application.usage import Usage
from services.analytics.domain.usage import StorageUsage
from services.shared.access.principal import SYSTEM, Principal, Scope
from services.shared.errors import PermissionDenied
from tests.support.access.callers import caller_is

READ = frozenset({Scope.READ})
BACKEND = StorageUsage("a", 1, 1, 5, 0, 0)


class OneBackend:
    async def usage(self) -> Sequence[StorageUsage]:
        return [BACKEND]


@pytest.mark.parametrize("principal", [SYSTEM, Principal("jwt:bob", READ), Principal.of("a", [Scope.ADMIN])])
async def test_callers_with_all_classes_get_the_usage(principal: Principal) -> None:
    with caller_is(principal):
        assert await Usage(OneBackend()).get() == [BACKEND]


@pytest.mark.parametrize("classes", [frozenset(), frozenset({"news"})])
async def test_other_callers_are_refused_because_all_flows_count(classes: frozenset[str]) -> None:
    with caller_is(Principal("jwt:bob", READ, classes=classes)), pytest.raises(PermissionDenied) as refused:
        await Usage(OneBackend()).get()
    assert refused.value.reason == "OUTSIDE_CLASSES"
