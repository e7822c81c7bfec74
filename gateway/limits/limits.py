"""The limits that the settings turn on."""

import logging
from typing import Final, Self

from gateway.http.forwarded import Forwarded
from gateway.http.requests import Request
from gateway.limits.addresses import ClientAddresses
from gateway.limits.buckets import SECOND, Buckets
from gateway.limits.in_progress import InProgress
from gateway.settings import Settings
from services.shared.errors import Exhausted

# Failed attempts a minute from one address, unless the setting has a number.
FAILED_ATTEMPTS: Final = 100
_MINUTE: Final = 60

_log = logging.getLogger(__name__)


class Limits:
    """Counts requests and failed attempts. A part that is None has no limit."""

    def __init__(
        self,
        addresses: ClientAddresses,
        *,
        by_address: Buckets | None = None,
        by_caller: Buckets | None = None,
        failures: Buckets | None = None,
        in_progress: InProgress | None = None,
    ) -> None:
        self._addresses = addresses
        self.by_address = by_address
        self.by_caller = by_caller
        self.failures = failures
        self.in_progress = in_progress

    @classmethod
    def of(
        cls, settings: Settings, forwarded: Forwarded | None, before: "Limits | None" = None
    ) -> Self | None:
        """The limits in the settings; None without any.

        `before` are those that they replace. A limit that stays the same continues to count: a caller who is
        kept out stays out when another limit changes.
        """
        old = before or cls(ClientAddresses(forwarded))
        by_address = _buckets(settings.address_rate, settings.address_burst, old.by_address)
        by_caller = _buckets(settings.rate, settings.burst, old.by_caller)
        attempts = _failed_attempts(settings)
        failures = _buckets(attempts / _MINUTE, attempts, old.failures)
        in_progress = _in_progress(settings.max_concurrent, old.in_progress)
        if all(part is None for part in (by_address, by_caller, failures, in_progress)):
            return None
        return cls(
            ClientAddresses(forwarded),
            by_address=by_address,
            by_caller=by_caller,
            failures=failures,
            in_progress=in_progress,
        )

    def check_address(self, request: Request) -> None:
        """Exhausted TOO_MANY_ATTEMPTS after too many failed ones, RATE_LIMITED after too many requests."""
        # The address is read only if it matters.
        if self.failures is not None and len(self.failures):
            wait = self.failures.wait(self._addresses.of(request))
            _refuse(wait, "too many failed attempts came from this address", "TOO_MANY_ATTEMPTS")
        if self.by_address is not None:
            wait = self.by_address.take(self._addresses.of(request))
            _refuse(wait, "too many requests come from this address", "RATE_LIMITED")

    def note_failure(self, request: Request) -> None:
        """Count an attempt to authenticate that failed."""
        if self.failures is None:
            return
        address = self._addresses.of(request)
        self.failures.take(address)
        if self.failures.wait(address):
            _log.warning("too many failed attempts to authenticate", extra={"address": address})

    def check_caller(self, name: str) -> None:
        """Exhausted RATE_LIMITED if a caller sends too many requests."""
        if self.by_caller is not None:
            _refuse(self.by_caller.take(name), f"{name} sends too many requests", "RATE_LIMITED")


def _buckets(rate: float, burst: int, before: Buckets | None) -> Buckets | None:
    if not rate:
        return None
    return before if before is not None and before.limit == (rate, burst) else Buckets(rate, burst)


def _in_progress(limit: int, before: InProgress | None) -> InProgress | None:
    if not limit:
        return None
    # Requests that are in progress continue to count.
    in_progress = InProgress(limit) if before is None else before
    in_progress.limit = limit
    return in_progress


def _failed_attempts(settings: Settings) -> int:
    """The failed attempts in a minute; 0 without a limit."""
    if settings.auth == "off":
        return 0
    if settings.failed_attempts >= 0:
        return settings.failed_attempts
    # Behind a proxy that is not trusted, all clients would be locked out together.
    return FAILED_ATTEMPTS if settings.trust_forwarded else 0


def _refuse(wait_ns: int, fault: str, reason: str) -> None:
    if wait_ns:
        seconds = -(-wait_ns // SECOND)
        raise Exhausted(f"{fault}; wait {seconds} s", reason=reason, retry_after=str(seconds))
