"""When a request is made again, and how long to wait before."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from client.api.errors import Busy, Rejected, Unreachable

# Seconds. A longer Retry-After is cut to this, so that a wait is always bounded.
MAX_WAIT: Final = 15.0

_backoff = wait_exponential_jitter(multiplier=0.1, max=MAX_WAIT / 3, jitter=0.1)


async def patiently(
    call: Callable[[], Awaitable[httpx.Response]], *, repeatable: bool, attempts: int
) -> httpx.Response:
    """The answer of `call`, made again while the store is away or busy, `attempts` times in all.

    A call that is not repeatable is made again only where the store cannot have acted on it.
    """
    again = _worth_repeating if repeatable else _never_acted_on
    retrying = AsyncRetrying(
        retry=retry_if_exception(again), stop=stop_after_attempt(attempts), wait=_pause, reraise=True
    )
    return await retrying(call)


def _worth_repeating(error: BaseException) -> bool:
    return isinstance(error, (Busy, Unreachable))


def _never_acted_on(error: BaseException) -> bool:
    if isinstance(error, Unreachable):
        return not error.sent
    return isinstance(error, Rejected) and error.status == HTTPStatus.TOO_MANY_REQUESTS


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Busy) and error.retry_after is not None:
        return min(error.retry_after, MAX_WAIT)
    return _backoff(state)
