"""Waiting out a store that is away for a while."""

from dataclasses import dataclass
from typing import Final

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay
from tenacity.wait import wait_exponential_jitter

from client.api import Busy, ServerFault, Unreachable

_PASSING: Final = (Busy, ServerFault, Unreachable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long one call is repeated while the store is away or failing, in seconds.

    A service that is restarted is back well within the default. Pauses grow from `first` to `longest`.
    """

    total: float = 60.0
    first: float = 0.2
    longest: float = 5.0

    def retrying(self) -> AsyncRetrying:
        """Attempts at one call; the last error comes out."""
        return AsyncRetrying(
            retry=retry_if_exception_type(_PASSING),
            stop=stop_after_delay(self.total),
            wait=wait_exponential_jitter(multiplier=self.first, max=self.longest, jitter=self.first),
            reraise=True,
        )
