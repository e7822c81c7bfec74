"""Passes the results of calls that were executed together to their callers."""

import asyncio
from collections.abc import Iterable
from typing import Any, NamedTuple


class Outcome(NamedTuple):
    """The result or the error of a call, and the future on which its caller waits."""

    future: asyncio.Future[Any]
    result: object = None
    error: BaseException | None = None


def settle(outcomes: Iterable[Outcome]) -> None:
    """Set the result or the error of each future; cancelled futures are skipped.

    Call it on the event loop of the futures.
    """
    for future, result, error in outcomes:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
