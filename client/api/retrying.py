"""Decides which requests are repeated, and after how long a wait."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from client.api.errors import Busy, Rejected, Unreachable

Answer = TypeVar("Answer")

# Seconds. A longer Retry-After is shortened to this, so every wait is bounded.
MAX_WAIT: Final = 15.0

_backoff = wait_exponential_jitter(multiplier=0.1, max=MAX_WAIT / 3, jitter=0.1)


async def with_retries(call: Callable[[], Awaitable[Answer]], *, repeatable: bool, attempts: int) -> Answer:
    """The answer of `call`, repeated while the store is busy or unreachable, up to `attempts` attempts.

    A call that is not repeatable is repeated only if the store cannot have acted on it.
    """
    should_retry = _is_temporary if repeatable else _had_no_effect
    retrying = AsyncRetrying(
        retry=retry_if_exception(should_retry), stop=stop_after_attempt(attempts), wait=_pause, reraise=True
    )
    return await retrying(call)


def _is_temporary(error: BaseException) -> bool:
    return isinstance(error, (Busy, Unreachable))


def _had_no_effect(error: BaseException) -> bool:
    if isinstance(error, Unreachable):
        return not error.sent
    return isinstance(error, Rejected) and error.status == HTTPStatus.TOO_MANY_REQUESTS


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Busy) and error.retry_after is not None:
        return min(error.retry_after, MAX_WAIT)
    return _backoff(state)
