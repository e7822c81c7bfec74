"""The checks of passwords and API keys."""

import asyncio
from collections.abc import Callable
from math import inf

import pytest
from argon2 import PasswordHasher

from services.metadata.application.accounts import passwords as hashing
from services.metadata.application.accounts.api_keys import ApiKeys
from services.metadata.application.accounts.checks import StoredAccounts
from services.metadata.application.accounts.users import Users
from services.shared.access.principal import GRANTED, Principal, Scope
from services.shared.errors import Exhausted, Unauthenticated
from tests.contract.metadata.accounts.conftest import Clock
from tests.support.processes.polling import until

READ, ADMIN = frozenset({Scope.READ}), frozenset({Scope.ADMIN})
PASSWORD = "correct horse"


async def refusal(accounts: StoredAccounts, user: str, password: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        await accounts.check_password(user, password)
    assert password not in refused.value.summary
    return refused.value.summary


async def key_refusal(accounts: StoredAccounts, text: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        await accounts.check_key(text)
    assert not text or text not in refused.value.summary
    return refused.value.summary


async def test_the_right_password_names_the_user(accounts: StoredAccounts, users: Users) -> None:
    await users.create("alice", PASSWORD, ADMIN)
    checked = await accounts.check_password("alice", PASSWORD)
    assert checked == (Principal("user:alice", GRANTED), inf)


async def test_callers_have_the_classes_of_now(accounts: StoredAccounts, users: Users, keys: ApiKeys) -> None:
    await users.create("alice", PASSWORD, READ, ["news"])
    _, text = await keys.create("ingest-1", READ, None, [])
    assert (await accounts.check_password("alice", PASSWORD)).principal.classes == frozenset({"news"})
    assert (await accounts.check_key(text)).principal.classes == frozenset()
    await users.update("alice", classes=["*"])
    assert (await accounts.check_password("alice", PASSWORD)).principal.classes is None


async def test_accents_may_be_composed_or_not(accounts: StoredAccounts, users: Users) -> None:
    await users.create("alice", "caf\u00e9 au lait", READ)
    assert (await accounts.check_password("alice", "cafe\u0301 au lait")).principal.name == "user:alice"


async def test_wrong_unknown_and_suspended_users_get_the_same_refusal(
    accounts: StoredAccounts, users: Users
) -> None:
    await users.create("alice", PASSWORD, READ)
    await users.create("bob", PASSWORD, READ)
    await users.update("bob", suspended=True)
    refusals = {
        await refusal(accounts, user, password)
        for user, password in (
            ("alice", "wrong horse"),
            ("alice", "x" * 5000),
            ("bob", PASSWORD),
            ("carol", PASSWORD),
            ("Carol:", PASSWORD),
        )
    }
    assert len(refusals) == 1


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("alice", PASSWORD),
        ("alice", "wrong horse"),
        ("alice", "x" * 5000),
        ("bob", PASSWORD),
        ("carol", PASSWORD),
        ("Carol:", PASSWORD),
    ],
)
async def test_each_attempt_costs_one_hash(
    accounts: StoredAccounts, users: Users, monkeypatch: pytest.MonkeyPatch, user: str, password: str
) -> None:
    await users.create("alice", PASSWORD, READ)
    await users.create("bob", PASSWORD, READ)
    await users.update("bob", suspended=True)
    computed = []
    for name in ("hash", "verify"):
        compute = getattr(PasswordHasher, name)

        def counted(*arguments: str, compute: Callable[..., object] = compute) -> object:
            computed.append(1)
            return compute(*arguments)

        monkeypatch.setattr(PasswordHasher, name, counted)
    if (user, password) == ("alice", PASSWORD):
        await accounts.check_password(user, password)
    else:
        await refusal(accounts, user, password)
    assert len(computed) == 1


async def test_an_activated_user_may_log_in_with_a_new_password(
    accounts: StoredAccounts, users: Users
) -> None:
    await users.create("alice", PASSWORD, READ)
    await users.update("alice", suspended=True, password="another one")
    await refusal(accounts, "alice", "another one")
    await users.update("alice", suspended=False)
    await accounts.check_password("alice", "another one")
    await refusal(accounts, "alice", PASSWORD)


async def test_ten_wrong_passwords_block_the_user_alone_for_a_growing_time(
    accounts: StoredAccounts, users: Users, clock: Clock
) -> None:
    await users.create("alice", PASSWORD, READ)
    await users.create("bob", PASSWORD, READ)
    for number in range(10):
        await refusal(accounts, "alice", f"wrong {number}")
    for seconds in (1, 2):
        with pytest.raises(Exhausted) as refused:
            await accounts.check_password("alice", PASSWORD)
        assert refused.value.reason == "TOO_MANY_ATTEMPTS"
        assert refused.value.metadata["retry_after_seconds"] == str(seconds)
        await accounts.check_password("bob", PASSWORD)
        clock.pass_time(seconds)
        if seconds == 1:
            await refusal(accounts, "alice", "wrong again")
    await accounts.check_password("alice", PASSWORD)
    await refusal(accounts, "alice", "bad horse")
    await accounts.check_password("alice", PASSWORD)


async def test_unknown_users_are_blocked_as_well(accounts: StoredAccounts) -> None:
    for number in range(10):
        await refusal(accounts, "nobody", f"wrong {number}")
    with pytest.raises(Exhausted):
        await accounts.check_password("nobody", PASSWORD)


async def test_many_equal_logins_at_once_count_as_one(accounts: StoredAccounts, users: Users) -> None:
    await users.create("alice", PASSWORD, READ)
    checked = await asyncio.gather(*(accounts.check_password("alice", PASSWORD) for _ in range(100)))
    assert {each.principal.name for each in checked} == {"user:alice"}


async def test_many_guesses_at_once_are_limited(accounts: StoredAccounts, users: Users) -> None:
    await users.create("alice", PASSWORD, READ)
    results = await asyncio.gather(
        *(accounts.check_password("alice", f"guess {number}") for number in range(30)), return_exceptions=True
    )
    assert sum(isinstance(result, Unauthenticated) for result in results) == 10
    assert sum(isinstance(result, Exhausted) for result in results) == 20


async def test_attempts_that_find_no_room_do_not_count(
    accounts: StoredAccounts, users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    await users.create("alice", PASSWORD, READ)
    with monkeypatch.context() as patch:
        patch.setattr(hashing, "MAX_WAITING", 0)
        for _ in range(20):
            with pytest.raises(Exhausted) as refused:
                await accounts.check_password("alice", PASSWORD)
            assert refused.value.reason == "PASSWORDS_WAITING"
    await accounts.check_password("alice", PASSWORD)


async def test_a_caller_who_leaves_does_not_cancel_an_equal_check(
    accounts: StoredAccounts, users: Users
) -> None:
    await users.create("alice", PASSWORD, READ)
    leaving = asyncio.ensure_future(accounts.check_password("alice", PASSWORD))
    staying = asyncio.ensure_future(accounts.check_password("alice", PASSWORD))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).principal.name == "user:alice"


async def test_a_key_names_its_owner_until_it_expires(
    accounts: StoredAccounts, keys: ApiKeys, clock: Clock
) -> None:
    _, text = await keys.create("ingest-1", READ, clock.ms + 5000)
    checked = await accounts.check_key(text)
    assert checked == (Principal("key:ingest-1", READ), clock.ms / 1000 + 5)
    clock.pass_time(5)
    assert await key_refusal(accounts, text) == "the API key has expired"


async def test_a_rotated_suspended_or_revoked_key_is_refused(accounts: StoredAccounts, keys: ApiKeys) -> None:
    key, text = await keys.create("ingest-1", READ, None)
    assert (await accounts.check_key(text)).expires_at == inf
    _, new_text = await keys.rotate(key.id)
    assert await key_refusal(accounts, text) == "the API key is not valid"
    await accounts.check_key(new_text)
    await keys.suspend(key.id, suspended=True)
    assert await key_refusal(accounts, new_text) == "the API key is suspended"
    await keys.suspend(key.id, suspended=False)
    await accounts.check_key(new_text)
    await keys.delete(key.id)
    assert await key_refusal(accounts, new_text) == "the API key is not valid"


async def test_a_suspended_key_is_named_only_to_its_owner(accounts: StoredAccounts, keys: ApiKeys) -> None:
    key, text = await keys.create("ingest-1", READ, None)
    await keys.suspend(key.id, suspended=True)
    forged = f"{text[:-1]}{'0' if text[-1] != '0' else '1'}"
    assert await key_refusal(accounts, forged) == "the API key is not valid"


@pytest.mark.parametrize(
    "text",
    ["", "tams_", "tams_1_2", f"tams_{'0' * 16}_{'0' * 64}", f"tams_{'0' * 16}_{'0' * 65}", "x" * 9999],
)
async def test_other_texts_are_no_keys(accounts: StoredAccounts, keys: ApiKeys, text: str) -> None:
    await keys.create("ingest-1", READ, None)
    assert await key_refusal(accounts, text) == "the API key is not valid"


async def until_used(keys: ApiKeys, key_id: str, used_ms: int) -> None:
    """Wait until this last use of a key is stored."""

    async def is_stored() -> bool:
        return (await keys.get(key_id)).last_used_ms == used_ms

    await until(is_stored)


async def test_the_use_of_a_key_is_recorded_at_most_once_a_minute(
    accounts: StoredAccounts, keys: ApiKeys, clock: Clock
) -> None:
    key, text = await keys.create("ingest-1", READ, None)
    other, other_text = await keys.create("ingest-2", READ, None)
    first_ms = clock.ms
    await accounts.check_key(text)
    await until_used(keys, key.id, first_ms)
    clock.pass_time(59)
    await accounts.check_key(text)
    # Uses that were noted together are stored together, so that of the first key would be stored by then.
    await accounts.check_key(other_text)
    await until_used(keys, other.id, clock.ms)
    assert (await keys.get(key.id)).last_used_ms == first_ms
    clock.pass_time(1)
    await accounts.check_key(text)
    await until_used(keys, key.id, clock.ms)
