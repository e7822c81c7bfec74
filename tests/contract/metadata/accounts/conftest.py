from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher

from services.metadata.application.accounts.api_keys import ApiKeys
from services.metadata.application.accounts.attempts import Attempts
from services.metadata.application.accounts.checks import StoredAccounts
from services.metadata.application.accounts.last_uses import LastUses
from services.metadata.application.accounts.passwords import Passwords
from services.metadata.application.accounts.renewals import Renewals
from services.metadata.application.accounts.users import Users
from services.metadata.application.accounts.verification import Verification
from services.metadata.application.ports import Store
from services.shared.process.background import background


@dataclass
class Clock:
    """A clock that stands still except for `pass_time`."""

    now: datetime = field(default_factory=lambda: datetime(2026, 1, 1, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    @property
    def ms(self) -> int:
        return int(self.now.timestamp() * 1000)

    def seconds(self) -> float:
        return self.now.timestamp()

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def passwords() -> Iterator[Passwords]:
    """Hashes that cost little. Those of the product, which cost 0.1 s of CPU each, have unit tests."""
    with ThreadPoolExecutor(2) as threads:
        yield Passwords(threads, PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def users(store: Store, clock: Clock, passwords: Passwords) -> Users:
    return Users(store, clock, passwords)


@pytest.fixture
def keys(store: Store, clock: Clock) -> ApiKeys:
    return ApiKeys(store, clock)


@pytest.fixture
async def verification(store: Store, clock: Clock, passwords: Passwords) -> AsyncIterator[Verification]:
    renewals = Renewals(store)
    async with background(renewals.run()):
        yield Verification(store, passwords, Attempts(clock.seconds), renewals)


@pytest.fixture
async def accounts(store: Store, clock: Clock, verification: Verification) -> AsyncIterator[StoredAccounts]:
    uses = LastUses(store)
    async with background(uses.run()):
        yield StoredAccounts(store, clock, verification, uses)
