"""The health of a subscriber: when it fails, and when the next attempt is due."""

import time

import pytest

from services.events.application.backoff import Backoff
from services.events.application.failure_log import FailureLog, LineBudget
from services.events.application.limits import Limits
from services.events.application.ports import Undelivered
from services.events.application.subscriber.health import SubscriberHealth

SILENT = Undelivered("no answer within 10 s")
REFUSED = Undelivered("answered 500", answered=True)


@pytest.fixture
def health() -> SubscriberHealth:
    return SubscriberHealth(Backoff(0.0, 0.0), FailureLog(LineBudget(), "one"))


def refuse(health: SubscriberHealth, *keys: str, refusal: Undelivered = REFUSED) -> None:
    for key in keys:
        health.record_refusal(key, refusal, time.monotonic())


def test_pauses_double_up_to_the_longest_and_have_jitter() -> None:
    backoff = Backoff(1.0, 30.0)
    for refusals, expected in ((1, 1), (2, 2), (4, 8), (5, 16), (6, 30), (10_000, 30)):
        pauses = {backoff.pause(refusals) for _ in range(20)}
        assert all(0.75 * expected <= pause <= 1.25 * expected for pause in pauses)
        assert len(pauses) > 1


def test_a_subscriber_that_refuses_a_single_flow_is_not_failing(health: SubscriberHealth) -> None:
    refuse(health, *["a"] * 50)
    assert not health.failing
    assert (health.has_refusals, health.failed_attempts, health.last_error) == (True, 50, "answered 500")


def test_a_subscriber_that_refuses_several_flows_is_failing_until_a_success(health: SubscriberHealth) -> None:
    refuse(health, "a", "b")
    health.record_success("c")
    refuse(health, "a", "b")
    assert not health.failing
    refuse(health, "d")
    assert health.failing
    health.record_success("c")
    assert (health.failing, health.working, health.has_refusals) == (False, True, True)


def test_a_subscriber_that_does_not_answer_is_failing_at_once(health: SubscriberHealth) -> None:
    health.record_success("a")
    refuse(health, "a", refusal=SILENT)
    assert (health.failing, health.working) == (True, False)


def test_a_refusal_does_not_count_after_a_success_in_the_meantime(health: SubscriberHealth) -> None:
    before = time.monotonic() - 1
    health.record_success("a")
    health.record_refusal("b", SILENT, before)
    assert (health.failing, health.has_refusals) == (False, True)


async def test_a_failing_subscriber_is_due_after_its_pause() -> None:
    health = SubscriberHealth(Backoff(0.05, 0.05), FailureLog(LineBudget(), "one"))
    refuse(health, "a", refusal=SILENT)
    began = time.monotonic()
    await health.wait_until_due()
    assert time.monotonic() - began >= 0.03


def test_a_subscriber_fails_from_its_first_refusal_until_the_last_ends(health: SubscriberHealth) -> None:
    refuse(health, "a", "b", refusal=SILENT)
    since = health.failing_since_ns
    assert since > 0
    refuse(health, "a", refusal=SILENT)
    health.record_success("a")
    assert health.failing_since_ns == since
    health.record_given_up("b")
    assert (health.failing_since_ns, health.failed_attempts) == (0, 0)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records]


def test_a_failure_and_its_end_are_logged_once(
    health: SubscriberHealth, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    refuse(health, *["a"] * 100, refusal=SILENT)
    health.record_success("a")
    health.record_success("a")
    assert lines(caplog) == ["a webhook fails", "a webhook works again"]
    assert vars(caplog.records[0])["webhook"] == "one"
    assert vars(caplog.records[0])["reason"] == str(SILENT)


def test_a_subscriber_that_alternates_is_logged_rarely(
    health: SubscriberHealth, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for number in range(500):
        refuse(health, "a", refusal=Undelivered(f"reason {number}"))
        health.record_success("a")
    assert len(lines(caplog)) == 2


def test_a_new_reason_and_a_long_failure_are_logged_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    log = FailureLog(LineBudget(), "one")

    def fail_after(reason: str, seconds: float) -> int:
        now[0] += seconds
        log.failed(reason, 1)
        return len(lines(caplog))

    failures = (("x", 0), ("x", 9), ("y", 2), ("y", 15), ("y", 10))
    assert [fail_after(*failure) for failure in failures] == [1, 1, 2, 2, 3]
    for _ in range(24 * 60):
        fail_after("y", 60)
    assert len(lines(caplog)) < 40


def test_the_number_of_log_lines_for_all_subscribers_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    budget = LineBudget()
    for number in range(1000):
        FailureLog(budget, str(number)).failed("closed", 1)
    assert len(lines(caplog)) <= 25


def test_extra_attempts_are_shared_and_returned() -> None:
    limits = Limits(extra=5)
    with (
        limits.extra_attempts(3) as first,
        limits.extra_attempts(3) as second,
        limits.extra_attempts(3) as third,
    ):
        assert (first, second, third) == (3, 2, 0)
    with limits.extra_attempts(9) as returned:
        assert returned == 5
