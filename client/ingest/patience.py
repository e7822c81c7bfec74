"""Waiting out a store that is away for a while."""

from typing import Final

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay
from tenacity.wait import wait_exponential_jitter

from client.api import Busy, ServerFault, Unreachable

# Seconds: a service that is restarted is back well within it.
PATIENCE: Final = 60.0

PASSING: Final = (Busy, ServerFault, Unreachable)


def retrying(patience: float) -> AsyncRetrying:
    """Repeats what fails because the store is away or failing, for `patience` seconds at most."""
    return AsyncRetrying(
        retry=retry_if_exception_type(PASSING),
        stop=stop_after_delay(patience),
        wait=wait_exponential_jitter(multiplier=0.2, max=5.0, jitter=0.2),
        reraise=True,
    )
