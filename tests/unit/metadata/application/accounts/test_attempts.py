import pytest

from services.metadata.application.accounts import attempts as limits
from services.metadata.application.accounts.attempts import Attempts
from services.shared.errors import Exhausted
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock(0.0)


@pytest.fixture
def attempts(clock: Clock) -> Attempts:
    return Attempts(clock)


def begin(attempts: Attempts, count: int, user: str = "alice") -> None:
    for _ in range(count):
        attempts.begin(user)


def blocked_seconds(attempts: Attempts, user: str = "alice") -> float:
    with pytest.raises(Exhausted) as refused:
        attempts.begin(user)
    return float(refused.value.metadata["retry_after_seconds"])


def test_the_block_doubles_up_to_a_minute(attempts: Attempts, clock: Clock) -> None:
    begin(attempts, 10)
    lengths = []
    for _ in range(9):
        lengths.append(blocked_seconds(attempts))
        clock.now += lengths[-1]
        attempts.begin("alice")
    assert lengths == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_refused_attempt_does_not_lengthen_the_block(attempts: Attempts, clock: Clock) -> None:
    begin(attempts, 10)
    clock.now = 0.5
    assert blocked_seconds(attempts) == blocked_seconds(attempts) == 1
    clock.now = 1
    attempts.begin("alice")


def test_a_minute_without_attempts_ends_the_growth(attempts: Attempts, clock: Clock) -> None:
    begin(attempts, 10)
    clock.now = 1
    attempts.begin("alice")
    clock.now = 3 + 60
    begin(attempts, 10)
    assert blocked_seconds(attempts) == 1


def test_slow_attempts_are_never_blocked(attempts: Attempts, clock: Clock) -> None:
    for _ in range(1000):
        attempts.begin("alice")
        clock.now += 6.7


def test_the_right_password_forgets_the_wrong_ones(attempts: Attempts) -> None:
    for _ in range(10):
        begin(attempts, 9)
        attempts.succeed("alice")
    attempts.succeed("nobody")


def test_the_right_password_ends_the_block_that_its_own_attempt_began(attempts: Attempts) -> None:
    begin(attempts, 10)
    attempts.succeed("alice")
    begin(attempts, 9)


def test_other_users_are_not_affected(attempts: Attempts) -> None:
    begin(attempts, 10)
    begin(attempts, 9, "bob")
    assert blocked_seconds(attempts) == 1


def test_the_number_of_remembered_users_is_bounded(
    attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_USERS", 3)
    begin(attempts, 10)
    for name in "bcd":
        attempts.begin(name)
    attempts.begin("alice")


def test_the_last_used_records_are_kept(attempts: Attempts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_USERS", 3)
    for name in "bc":
        attempts.begin(name)
    begin(attempts, 10)
    for name in "de":
        attempts.begin(name)
    assert blocked_seconds(attempts) == 1
