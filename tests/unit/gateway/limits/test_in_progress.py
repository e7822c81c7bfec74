"""Requests of one caller at a time."""

from contextlib import ExitStack

import pytest

from gateway.limits.in_progress import InProgress
from services.shared.errors import Exhausted


def test_a_caller_has_at_most_the_limit_of_requests_in_progress() -> None:
    counted = InProgress(2)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(counted.request_of("user:alice"))
        with pytest.raises(Exhausted) as refused, counted.request_of("user:alice"):
            pass
        assert refused.value.reason == "TOO_MANY_CONCURRENT"
        with counted.request_of("user:bob"):
            assert len(counted) == 2
    with counted.request_of("user:alice"):
        pass
    assert len(counted) == 0


def test_a_request_that_fails_is_no_longer_in_progress() -> None:
    counted = InProgress(1)
    for _ in range(3):
        with pytest.raises(KeyError), counted.request_of("user:alice"):
            raise KeyError
    assert len(counted) == 0
