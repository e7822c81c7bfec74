import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from services.access import attempts as module
from services.access.attempts import MAX_WAITING, SINGLE, Attempts
from services.access.ports import Attempt
from services.shared.access import caller
from services.shared.errors import Unavailable
from tests.support.processes.polling import until

MINUTE = 60 * 10**9


class Clock:
    def __init__(self) -> None:
        self.now = 7 * 3600 * 10**9

    def __call__(self) -> int:
        return self.now


class Log:
    """Keeps what is reported, unless it is out of order."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.in_order = True

    async def __call__(self, attempts: Sequence[Attempt]) -> None:
        if not self.in_order:
            raise Unavailable("the log is out of order")
        self.attempts += attempts


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> Attempts:
    return Attempts(clock)


async def reported(attempts: Attempts) -> list[Attempt]:
    log = Log()
    await attempts.report(log)
    return log.attempts


async def test_a_failure_is_reported_with_its_facts(attempts: Attempts, clock: Clock) -> None:
    address = caller.address.set("192.0.2.1")
    attempts.failed("alice", "wrong")
    caller.address.reset(address)
    assert await reported(attempts) == [
        Attempt(clock.now, "authentication.failed", "alice", "192.0.2.1", "wrong")
    ]
    assert await reported(attempts) == []


async def test_after_the_first_failures_of_a_minute_only_their_number_is_reported(
    attempts: Attempts, clock: Clock
) -> None:
    for number in range(1000):
        attempts.failed(f"user-{number}", "wrong")
    attempts.failed("", "expired")
    assert [attempt.name for attempt in await reported(attempts)] == [
        *(f"user-{number}" for number in range(SINGLE)), "",
    ]  # fmt: skip
    clock.now += MINUTE
    (rest,) = await reported(attempts)
    assert (rest.action, rest.reason, rest.times) == ("authentication.failed", "wrong", 1000 - SINGLE)
    assert (rest.name, rest.address) == ("", "")
    attempts.failed("alice", "wrong")
    assert [attempt.name for attempt in await reported(attempts)] == ["alice"]


async def test_a_success_is_reported_once_an_hour(attempts: Attempts, clock: Clock) -> None:
    for _ in range(3):
        attempts.succeeded("user:alice")
    attempts.succeeded("user:bob")
    assert [attempt.name for attempt in await reported(attempts)] == ["user:alice", "user:bob"]
    clock.now += 60 * MINUTE
    attempts.succeeded("user:alice")
    assert len(await reported(attempts)) == 1


async def test_the_number_of_causes_and_waiting_attempts_is_bounded(attempts: Attempts, clock: Clock) -> None:
    for _ in range(50):
        for number in range(5000):
            attempts.refused(f"user:{number}", "MISSING_SCOPE")
        clock.now += MINUTE
    found = await reported(attempts)
    assert len(found) <= MAX_WAITING
    assert len({attempt.reason for attempt in found}) == 2


async def test_attempts_wait_while_they_cannot_be_reported(
    attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0)
    monkeypatch.setattr(module, "_LONGEST_PAUSE_SECONDS", 0.01)
    log = Log()
    log.in_order = False
    attempts.failed("alice", "wrong")
    running = asyncio.create_task(attempts.run(log))
    await asyncio.sleep(0.02)
    log.in_order = True
    attempts.failed("bob", "wrong")
    await until(lambda: len(log.attempts) == 2)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert [attempt.name for attempt in log.attempts] == ["alice", "bob"]
