"""Hashes of passwords are renewed at a login if their parameters have changed."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from argon2 import PasswordHasher

from services.metadata.application.accounts.attempts import Attempts
from services.metadata.application.accounts.own_password import OwnPassword
from services.metadata.application.accounts.passwords import Passwords
from services.metadata.application.accounts.renewals import Renewals
from services.metadata.application.accounts.users import Users
from services.metadata.application.accounts.verification import Verification
from services.metadata.application.ports import Store
from services.shared.access.principal import Principal, Scope
from services.shared.process.background import background
from tests.contract.metadata.accounts.conftest import Clock
from tests.support.access.callers import caller_is
from tests.support.processes.polling import until

READ = frozenset({Scope.READ})
PASSWORD = "correct horse"
FORMER = "$argon2id$v=19$m=1024,t=1,p=1$"


@pytest.fixture
def former(store: Store, clock: Clock) -> Users:
    """Users of a version with other parameters."""
    return Users(store, clock, Passwords(ThreadPoolExecutor(1), PasswordHasher(1, 1024, 1)))


@pytest.fixture
def own(store: Store, clock: Clock, passwords: Passwords, present: Verification) -> OwnPassword:
    return OwnPassword(store, clock, passwords, present)


@pytest.fixture
def renewals(store: Store) -> Renewals:
    return Renewals(store)


@pytest.fixture
def present(store: Store, passwords: Passwords, renewals: Renewals) -> Verification:
    return Verification(store, passwords, Attempts(), renewals)


async def test_the_hash_is_renewed_at_a_login_and_nothing_else_changes(
    users: Users, former: Users, present: Verification, renewals: Renewals
) -> None:
    created = await former.create("alice", PASSWORD, READ, ["news"])
    assert created.password_hash.startswith(FORMER)
    async with background(renewals.run()):
        assert await present.user_with("alice", "wrong horse") is None
        assert await users.get("alice") == created
        assert await present.user_with("alice", PASSWORD) == created

        async def is_renewed() -> bool:
            return (await users.get("alice")).password_hash != created.password_hash

        await until(is_renewed)
    renewed = await present.user_with("alice", PASSWORD)
    assert renewed is not None
    assert not renewed.password_hash.startswith(FORMER)
    assert renewed == replace(created, password_hash=renewed.password_hash)


async def test_a_password_that_was_changed_meanwhile_stays(
    users: Users, former: Users, present: Verification, renewals: Renewals
) -> None:
    await former.create("alice", PASSWORD, READ)
    await former.create("bob", PASSWORD, READ)
    for name in ("alice", "bob"):
        assert await present.user_with(name, PASSWORD) is not None
    changed = await users.update("alice", password="another horse")
    async with background(renewals.run()):

        async def is_renewed() -> bool:
            return not (await users.get("bob")).password_hash.startswith(FORMER)

        await until(is_renewed)
    assert await users.get("alice") == changed


async def test_a_user_whose_hash_is_renewed_can_change_the_password(
    former: Users, present: Verification, renewals: Renewals, own: OwnPassword
) -> None:
    await former.create("alice", PASSWORD, READ)
    with caller_is(Principal("user:alice", READ)):
        async with background(renewals.run()):
            await own.change(PASSWORD, "another horse")
    assert await present.user_with("alice", "another horse") is not None
