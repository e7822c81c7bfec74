import pytest

from services.vast_client.failures import (
    Clash,
    CommitUnknown,
    DeadlinePassed,
    Failure,
    Refused,
    Unknown,
    Unreachable,
    refused,
)
from services.vast_client.transactions.tries import Tries


def at_endpoint(endpoint: str, failure: Failure) -> Failure:
    failure.endpoint = endpoint
    return failure


def tries_again(tries: Tries, failure: Failure) -> bool:
    if not tries.worth_another(failure):
        return False
    tries.wait(failure)
    return True


def test_conflicts_are_tried_again_a_number_of_times() -> None:
    tries = Tries(3, 10)
    assert [tries_again(tries, Clash()) for _ in range(10)] == [True] * 9 + [False]


def test_failures_are_tried_again_without_a_limit_of_attempts() -> None:
    tries = Tries(3, 10)
    assert all(tries_again(tries, at_endpoint("abc"[turn % 3], Unreachable())) for turn in range(100))


@pytest.mark.parametrize(
    "failure", [CommitUnknown("lost"), DeadlinePassed(), Refused("too large"), Failure()]
)
def test_permanent_failures_are_not_tried_again(failure: Failure) -> None:
    assert not tries_again(Tries(3, 10), at_endpoint("a", failure))


@pytest.mark.parametrize("failure", [Clash(), Unreachable()])
def test_a_single_attempt_is_not_tried_again(failure: Failure) -> None:
    assert not tries_again(Tries(3, 1), failure)


def test_an_unknown_name_is_tried_again_once() -> None:
    tries = Tries(3, 10)
    assert tries_again(tries, at_endpoint("a", Unknown()))
    assert not tries_again(tries, at_endpoint("b", Unknown()))


def test_failed_endpoints_are_avoided_until_all_have_failed() -> None:
    tries = Tries(3, 10)
    for number, endpoint in enumerate("abc", 1):
        failure = at_endpoint(endpoint, Unreachable())
        assert tries.worth_another(failure)
        pause = tries.wait(failure)
        assert tries.avoid == (frozenset("abc"[:number]) if number < 3 else frozenset())
        assert (pause == 0) == (number < 3)
    assert tries.rounds == 1


def test_an_endpoint_that_lost_a_commit_is_avoided() -> None:
    tries, clash = Tries(3, 10), Clash("the commit was lost")
    clash.__cause__ = at_endpoint("a", CommitUnknown("lost"))
    assert tries_again(tries, at_endpoint("a", clash))
    assert tries.avoid == {"a"}


def test_an_endpoint_is_not_avoided_after_a_conflict() -> None:
    tries = Tries(3, 10)
    tries_again(tries, at_endpoint("a", Clash()))
    assert tries.avoid == frozenset()


def test_the_pause_after_a_conflict_is_short() -> None:
    tries = Tries(3, 100)
    pauses = []
    for _ in range(50):
        assert tries.worth_another(Clash())
        pauses.append(tries.wait(Clash()))
    assert 0.05 < max(pauses) <= 0.1


def test_a_request_is_tried_until_all_endpoints_forbid_it() -> None:
    tries = Tries(3, 10)
    assert [tries_again(tries, at_endpoint(endpoint, refused("403"))) for endpoint in "abc"] == [
        True,
        True,
        False,
    ]


def test_a_malformed_request_is_tried_at_a_second_endpoint() -> None:
    tries = Tries(3, 10)
    assert [tries_again(tries, at_endpoint(endpoint, refused("400", 2))) for endpoint in "ab"] == [
        True,
        False,
    ]


def test_a_request_that_a_single_endpoint_forbids_is_not_tried_again() -> None:
    assert not tries_again(Tries(1, 10), at_endpoint("a", refused("403")))


def test_a_request_is_not_tried_again_if_all_answering_endpoints_forbid_it() -> None:
    tries = Tries(3, 10)
    for _ in range(2):
        for endpoint in "bc":
            assert tries_again(tries, at_endpoint(endpoint, Unreachable()))
    assert not tries_again(tries, at_endpoint("a", refused("403")))


def test_attempts_end_after_repeated_refusals() -> None:
    tries = Tries(3, 10)
    assert not all(tries_again(tries, at_endpoint("a", refused("403"))) for _ in range(10))
