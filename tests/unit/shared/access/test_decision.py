import pytest

from services.shared.access.decision import require
from services.shared.access.principal import GRANTED, SYSTEM, Principal, Scope
from services.shared.errors import PermissionDenied


@pytest.mark.parametrize("scope", Scope)
def test_the_scope_admits_and_others_do_not(scope: Scope) -> None:
    require(Principal("key:a", frozenset({scope})), {scope})
    with pytest.raises(PermissionDenied) as caught:
        require(Principal("key:a", frozenset(Scope) - {scope}), {scope})
    assert caught.value.reason == "MISSING_SCOPE"
    assert caught.value.summary == f"key:a lacks the scope {scope}"


def test_one_of_several_scopes_is_enough() -> None:
    require(Principal("key:a", frozenset({Scope.DELETE})), {Scope.WRITE, Scope.DELETE})
    with pytest.raises(PermissionDenied, match="lacks the scope delete or write"):
        require(Principal("key:a", frozenset({Scope.READ})), {Scope.WRITE, Scope.DELETE})


@pytest.mark.parametrize("principal", [SYSTEM, Principal("key:a", frozenset())])
def test_what_needs_no_scope_is_open_to_nobody(principal: Principal) -> None:
    with pytest.raises(PermissionDenied, match="a scope that nobody has"):
        require(principal, ())


def test_admin_includes_what_callers_can_have_and_nothing_else() -> None:
    assert Principal.of("user:root", {Scope.ADMIN}).scopes == GRANTED == frozenset(Scope) - {Scope.SERVICE}
    for scope in GRANTED - {Scope.ADMIN}:
        assert Principal.of("user:a", {scope}).scopes == {scope}
