"""Retries of calls while the store is unreachable or failing."""

from dataclasses import dataclass
from typing import Final

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay
from tenacity.wait import wait_exponential_jitter

from client.api import Busy, ServerFault, Unreachable

_TEMPORARY: Final = (Busy, ServerFault, Unreachable)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """The time for which a call is repeated while the store is unreachable or failing, in seconds.

    The default covers a restart of a service. Pauses grow from `first_pause` to `longest_pause`.
    """

    total_seconds: float = 60.0
    first_pause: float = 0.2
    longest_pause: float = 5.0

    def retrying(self) -> AsyncRetrying:
        """The attempts of one call; the last error is raised."""
        return AsyncRetrying(
            retry=retry_if_exception_type(_TEMPORARY),
            stop=stop_after_delay(self.total_seconds),
            wait=wait_exponential_jitter(
                multiplier=self.first_pause, max=self.longest_pause, jitter=self.first_pause
            ),
            reraise=True,
        )
