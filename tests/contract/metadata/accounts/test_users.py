"""The rules of users."""

import asyncio

import pytest

from services.metadata.application.accounts import users as rules
from services.metadata.application.accounts.users import Users
from services.shared.access.principal import Scope
from services.shared.errors import AlreadyExists, Exhausted, InvalidArgument, NotFound
from tests.contract.metadata.accounts.conftest import Clock
from tests.contract.metadata.conftest import Engine

READ, ADMIN = frozenset({Scope.READ}), frozenset({Scope.ADMIN})
PASSWORD = "correct horse"


async def test_a_created_user_is_listed_and_found(users: Users, clock: Clock) -> None:
    created = await users.create("alice", PASSWORD, READ)
    assert (created.name, created.scopes, created.suspended) == ("alice", READ, False)
    assert created.created_ms == created.changed_ms == clock.ms
    assert await users.get("alice") == created
    assert (await users.page(0, "")).items == [created]


async def test_only_an_argon2id_hash_of_the_password_is_stored(users: Users, engine: Engine) -> None:
    await users.create("alice", PASSWORD, READ)
    await users.create("bob", PASSWORD, READ)
    first, second = engine.rows("users")
    assert first["password_hash"].startswith("$argon2id$")
    assert first["password_hash"] != second["password_hash"]
    assert PASSWORD not in str([first, second])


async def test_a_change_leaves_the_other_members(users: Users, clock: Clock) -> None:
    created = await users.create("alice", PASSWORD, READ)
    clock.pass_time(5)
    suspended = await users.update("alice", suspended=True)
    assert (suspended.suspended, suspended.scopes) == (True, READ)
    assert suspended.password_hash == created.password_hash
    assert (suspended.created_ms, suspended.changed_ms) == (created.created_ms, clock.ms)
    promoted = await users.update("alice", scopes=ADMIN)
    assert (promoted.suspended, promoted.scopes) == (True, ADMIN)
    other = await users.update("alice", password="another one")
    assert other.password_hash != created.password_hash
    assert await users.get("alice") == other


async def test_a_removed_user_is_unknown(users: Users) -> None:
    await users.create("alice", PASSWORD, READ)
    await users.delete("alice")
    assert (await users.page(0, "")).items == []
    for attempt in (users.get("alice"), users.update("alice", suspended=True), users.delete("alice")):
        with pytest.raises(NotFound) as unknown:
            await attempt
        assert unknown.value.reason == "USER_NOT_FOUND"


@pytest.mark.parametrize("name", ["", "Alice", "a:b", "a b", "-a", "a" * 65, "a\n", "ä"])
async def test_a_bad_name_is_refused(users: Users, name: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await users.create(name, PASSWORD, READ)
    assert (refused.value.reason, refused.value.metadata["path"]) == ("BAD_USER", "$.name")
    with pytest.raises(NotFound):
        await users.get(name)


@pytest.mark.parametrize("password", ["", "7 chars", "x" * 1025, "é" * 513])
async def test_a_bad_password_is_refused_and_not_repeated(users: Users, password: str) -> None:
    await users.create("bob", PASSWORD, READ)
    for attempt in (users.create("alice", password, READ), users.update("bob", password=password)):
        with pytest.raises(InvalidArgument) as refused:
            await attempt
        assert (refused.value.reason, refused.value.metadata["path"]) == ("BAD_PASSWORD", "$.password")
        assert not password or password not in refused.value.summary


@pytest.mark.parametrize("scopes", [frozenset(), frozenset({Scope.READ, Scope.SERVICE})])
async def test_scopes_that_nobody_can_have_are_refused(users: Users, scopes: frozenset[Scope]) -> None:
    await users.create("bob", PASSWORD, READ)
    for attempt in (users.create("alice", PASSWORD, scopes), users.update("bob", scopes=scopes)):
        with pytest.raises(InvalidArgument) as refused:
            await attempt
        assert refused.value.reason == "BAD_SCOPES"


async def test_classes_are_all_unless_given_and_change(users: Users) -> None:
    everything = await users.create("alice", PASSWORD, READ)
    narrow = await users.create("bob", PASSWORD, READ, ["sport", "news"])
    assert (everything.classes, narrow.classes) == (None, frozenset({"news", "sport"}))
    assert narrow.principal.classes == frozenset({"news", "sport"})
    assert (await users.update("bob", suspended=True)).classes == frozenset({"news", "sport"})
    assert (await users.update("bob", classes=["archive"])).classes == frozenset({"archive"})
    assert (await users.update("bob", classes=[])).classes == frozenset()
    widened = await users.update("bob", classes=["*"])
    assert (widened.classes, await users.get("bob")) == (None, widened)


async def test_an_administrator_has_all_classes(users: Users) -> None:
    admin = await users.create("alice", PASSWORD, ADMIN, ["news"])
    assert (admin.classes, admin.principal.classes) == (frozenset({"news"}), None)


@pytest.mark.parametrize("classes", [[""], ["a b"], ["-a"], ["a" * 65], ["ä"], ["**"], ["a"] * 33])
async def test_bad_classes_are_refused(users: Users, classes: list[str]) -> None:
    await users.create("bob", PASSWORD, READ, ["news"])
    for attempt in (
        users.create("alice", PASSWORD, READ, classes),
        users.update("bob", classes=classes, suspended=True),
    ):
        with pytest.raises(InvalidArgument) as refused:
            await attempt
        assert (refused.value.reason, refused.value.metadata["path"]) == ("BAD_CLASSES", "$.classes")
    assert [(user.classes, user.suspended) for user in (await users.page(0, "")).items] == [
        (frozenset({"news"}), False)
    ]


async def test_one_of_two_users_of_the_same_name_is_refused(users: Users) -> None:
    attempts = (users.create("alice", PASSWORD, READ), users.create("alice", "another one", ADMIN))
    created, refused = sorted(
        await asyncio.gather(*attempts, return_exceptions=True),
        key=lambda result: isinstance(result, Exception),
    )
    assert isinstance(refused, AlreadyExists)
    assert refused.reason == "USER_EXISTS"
    assert (await users.page(0, "")).items == [created]


async def test_the_number_of_users_is_limited(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_USERS", 1)
    await users.create("alice", PASSWORD, READ)
    with pytest.raises(Exhausted) as refused:
        await users.create("bob", PASSWORD, READ)
    assert refused.value.reason == "TOO_MANY_USERS"
