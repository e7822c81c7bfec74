"""The limits that settings turn on."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.http.requests import Request
from gateway.http.routing import Route
from gateway.limits.limits import FAILED_ATTEMPTS, Limits
from gateway.settings import Settings
from services.shared.errors import Exhausted, StartupError
from tests.support.requests import bodiless, scope_of

ROUTE = Route("/")


def request() -> Request:
    return bodiless(scope_of({}), ROUTE)


def refusal(check: Callable[[], None]) -> Exhausted:
    with pytest.raises(Exhausted) as refused:
        check()
    return refused.value


def limits_of(settings: Settings) -> Limits:
    limits = Limits.of(settings, None)
    assert limits is not None
    return limits


def test_without_settings_there_are_no_limits() -> None:
    assert Limits.of(Settings(), None) is None
    assert Limits.of(Settings(auth="required"), None) is None
    assert Limits.of(Settings(auth="required", host="0.0.0.0"), None) is None
    assert Limits.of(Settings(auth="required", trust_forwarded=True, failed_attempts=0), None) is None


def test_failed_attempts_are_limited_where_clients_behind_proxies_are_known() -> None:
    limits = limits_of(Settings(auth="required", trust_forwarded=True))
    for _ in range(FAILED_ATTEMPTS):
        limits.check_address(request())
        limits.note_failure(request())
    refused = refusal(lambda: limits.check_address(request()))
    assert refused.reason == "TOO_MANY_ATTEMPTS"
    assert refused.metadata["retry_after"] == "1"


def test_failed_attempts_count_only_if_credentials_are_required() -> None:
    assert Limits.of(Settings(auth="off", trust_forwarded=True, failed_attempts=5), None) is None


def test_the_rate_of_an_address_is_limited_without_access_control() -> None:
    limits = limits_of(Settings(address_rate=0.1, address_burst=2))
    for _ in range(2):
        limits.check_address(request())
    refused = refusal(lambda: limits.check_address(request()))
    assert (refused.reason, refused.metadata) == ("RATE_LIMITED", {"retry_after": "10"})


def test_the_rate_of_a_caller_is_limited() -> None:
    limits = limits_of(Settings(auth="required", rate=0.5, burst=1))
    limits.check_caller("user:alice")
    refused = refusal(lambda: limits.check_caller("user:alice"))
    assert (refused.reason, refused.metadata) == ("RATE_LIMITED", {"retry_after": "2"})
    limits.check_caller("user:bob")
    limits.check_address(request())


@pytest.mark.parametrize("limit", [{"rate": 1.0}, {"max_concurrent": 1}])
def test_limits_of_callers_need_access_control(limit: dict[str, Any]) -> None:
    with pytest.raises(StartupError, match="TAMS_AUTH=required"):
        Settings(**limit)


def test_what_has_the_same_limit_goes_on_counting_when_another_one_changes() -> None:
    kept: dict[str, Any] = {"auth": "required", "rate": 0.001, "burst": 1, "failed_attempts": 1}
    before = limits_of(Settings(**kept, max_concurrent=1))
    before.check_caller("user:alice")
    before.note_failure(request())
    assert before.in_progress is not None
    with before.in_progress.request_of("user:alice"):
        after = Limits.of(Settings(**kept, max_concurrent=2, address_rate=5.0), None, before)
        assert after is not None
        assert refusal(lambda: after.check_caller("user:alice")).reason == "RATE_LIMITED"
        assert refusal(lambda: after.check_address(request())).reason == "TOO_MANY_ATTEMPTS"
        assert after.in_progress is not None
        with after.in_progress.request_of("user:alice"), pytest.raises(Exhausted, match="may have 2"):
            after.in_progress.request_of("user:alice").__enter__()


def test_a_changed_rate_counts_from_the_start_and_an_unset_one_not_at_all() -> None:
    before = limits_of(Settings(address_rate=0.001, address_burst=1))
    before.check_address(request())
    after = Limits.of(Settings(address_rate=0.002, address_burst=1), None, before)
    assert after is not None
    after.check_address(request())
    assert Limits.of(Settings(), None, after) is None
