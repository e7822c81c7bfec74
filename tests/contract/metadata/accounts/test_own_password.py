"""Users change their own passwords."""

import pytest

from services.metadata.application.accounts.checks import StoredAccounts
from services.metadata.application.accounts.own_password import OwnPassword
from services.metadata.application.accounts.passwords import Passwords
from services.metadata.application.accounts.users import Users
from services.metadata.application.accounts.verification import Verification
from services.metadata.application.ports import Store
from services.shared.access.principal import SYSTEM, Limit, Principal, Scope
from services.shared.errors import Exhausted, InvalidArgument, NotFound, PermissionDenied, Unauthenticated
from tests.contract.metadata.accounts.conftest import Clock
from tests.support.access.callers import caller_is

READ = frozenset({Scope.READ})
OLD, NEW = "correct horse", "another horse"
ALICE = Principal("user:alice", READ)


@pytest.fixture
def own(store: Store, clock: Clock, passwords: Passwords, verification: Verification) -> OwnPassword:
    return OwnPassword(store, clock, passwords, verification)


async def refusal(own: OwnPassword, old: str, new: str = NEW) -> str:
    with pytest.raises(PermissionDenied) as refused:
        await own.change(old, new)
    assert not {old, new} & set(refused.value.summary.split())
    return refused.value.reason


async def test_a_user_changes_the_own_password_alone(
    own: OwnPassword, users: Users, accounts: StoredAccounts, clock: Clock
) -> None:
    await users.create("bob", OLD, READ)
    created = await users.create("alice", OLD, READ, ["news"])
    clock.pass_time(5)
    with caller_is(ALICE):
        await own.change(OLD, NEW)
    changed = await users.get("alice")
    assert (changed.changed_ms, changed.created_ms) == (clock.ms, created.created_ms)
    assert (changed.scopes, changed.classes, changed.suspended) == (READ, frozenset({"news"}), False)
    await accounts.check_password("alice", NEW)
    await accounts.check_password("bob", OLD)
    with pytest.raises(Unauthenticated):
        await accounts.check_password("alice", OLD)


async def test_a_wrong_password_changes_nothing(own: OwnPassword, users: Users) -> None:
    created = await users.create("alice", OLD, READ)
    with caller_is(ALICE):
        assert await refusal(own, "wrong horse") == "WRONG_PASSWORD"
    assert await users.get("alice") == created


async def test_wrong_passwords_are_limited_as_at_the_login(
    own: OwnPassword, users: Users, accounts: StoredAccounts
) -> None:
    await users.create("alice", OLD, READ)
    with caller_is(ALICE):
        for number in range(10):
            assert await refusal(own, f"wrong {number}") == "WRONG_PASSWORD"
        with pytest.raises(Exhausted) as blocked:
            await own.change(OLD, NEW)
    assert blocked.value.reason == "TOO_MANY_ATTEMPTS"
    with pytest.raises(Exhausted):
        await accounts.check_password("alice", OLD)


async def test_a_bad_new_password_is_refused_before_the_old_one_is_checked(
    own: OwnPassword, users: Users
) -> None:
    await users.create("alice", OLD, READ)
    with caller_is(ALICE), pytest.raises(InvalidArgument) as refused:
        await own.change("wrong horse", "short")
    assert (refused.value.reason, refused.value.metadata["path"]) == ("BAD_PASSWORD", "$.new_password")


async def test_a_suspended_or_removed_user_changes_no_password(own: OwnPassword, users: Users) -> None:
    await users.create("alice", OLD, READ)
    suspended = await users.update("alice", suspended=True)
    with caller_is(ALICE):
        assert await refusal(own, OLD) == "WRONG_PASSWORD"
        assert await users.get("alice") == suspended
        await users.delete("alice")
        assert await refusal(own, OLD) == "WRONG_PASSWORD"
    assert (await users.page(0, "")).items == []


@pytest.mark.parametrize("name", ["key:alice", "jwt:alice", "jwt:user:alice", SYSTEM.name])
async def test_other_callers_have_no_password(own: OwnPassword, users: Users, name: str) -> None:
    await users.create("alice", OLD, READ)
    with caller_is(Principal(name, READ)), pytest.raises(NotFound) as refused:
        await own.change(OLD, NEW)
    assert refused.value.reason == "USER_NOT_FOUND"


async def test_a_token_for_urls_changes_no_password(own: OwnPassword, users: Users) -> None:
    await users.create("alice", OLD, READ)
    with caller_is(ALICE._replace(limit=Limit(frozenset({"POST"})))):
        assert await refusal(own, OLD) == "OUTSIDE_TOKEN"
