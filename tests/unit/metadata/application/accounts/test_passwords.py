import asyncio
from collections.abc import Iterator

import pytest

from services.metadata.application.accounts.passwords import MAX_WAITING, Passwords, open_passwords
from services.shared.errors import Exhausted


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    with open_passwords() as opened:
        yield opened


async def test_a_hash_verifies_its_own_password_alone(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse")
    assert await passwords.verify(stored, "correct horse")
    assert not await passwords.verify(stored, "correct house")
    assert not await passwords.verify(stored, "x" * 5000)


async def test_the_recommended_parameters_are_used(passwords: Passwords) -> None:
    assert (await passwords.hash("correct horse")).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


@pytest.mark.parametrize("stored", [None, "", "$argon2id$v=19$damaged", "correct horse"])
async def test_a_missing_or_damaged_hash_verifies_nothing(passwords: Passwords, stored: str | None) -> None:
    assert not await passwords.verify(stored, "correct horse")
    assert not await passwords.verify(stored, "")


async def test_the_number_of_waiting_passwords_is_bounded(passwords: Passwords) -> None:
    results = await asyncio.gather(
        *(passwords.verify(None, "x") for _ in range(MAX_WAITING + 3)), return_exceptions=True
    )
    assert sum(isinstance(result, Exhausted) for result in results) == 3
    assert await passwords.verify(None, "x") is False


async def test_the_event_loop_runs_while_hashes_are_computed(passwords: Passwords) -> None:
    hashing = asyncio.ensure_future(passwords.hash("correct horse"))
    turns = 0
    while not hashing.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 10
