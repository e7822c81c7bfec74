"""The limits that the settings turn on."""

import logging
from typing import Final, Self

from gateway.http.forwarded import Forwarded
from gateway.http.requests import Request
from gateway.limits.addresses import ClientAddresses
from gateway.limits.buckets import SECOND, Buckets
from gateway.limits.in_progress import InProgress
from gateway.settings import PREFIX, Settings
from services.shared.errors import Exhausted, StartupError

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
        self._by_address = by_address
        self._by_caller = by_caller
        self._failures = failures
        self.in_progress = in_progress

    @classmethod
    def of(cls, settings: Settings, forwarded: Forwarded | None) -> Self | None:
        """The limits in the settings; None without any.

        StartupError for limits of callers in a store that does not know its callers.
        """
        parts = {
            "by_address": _buckets(settings.address_rate, settings.address_burst),
            "by_caller": _buckets(settings.rate, settings.burst),
            "failures": _failures(settings),
        }
        in_progress = InProgress(settings.max_concurrent) if settings.max_concurrent else None
        if settings.auth == "off" and not (parts["by_caller"] is None and in_progress is None):
            raise StartupError(
                f"{PREFIX}RATE and {PREFIX}MAX_CONCURRENT count callers, so they need TAMS_AUTH=required;"
                f" {PREFIX}ADDRESS_RATE does not"
            )
        if in_progress is None and not any(part is not None for part in parts.values()):
            return None
        return cls(ClientAddresses(forwarded), in_progress=in_progress, **parts)

    def check_address(self, request: Request) -> None:
        """Exhausted TOO_MANY_ATTEMPTS after too many failed ones, RATE_LIMITED after too many requests."""
        # The address is read only if it matters.
        if self._failures is not None and len(self._failures):
            wait = self._failures.wait(self._addresses.of(request))
            _refuse(wait, "too many failed attempts came from this address", "TOO_MANY_ATTEMPTS")
        if self._by_address is not None:
            wait = self._by_address.take(self._addresses.of(request))
            _refuse(wait, "too many requests come from this address", "RATE_LIMITED")

    def note_failure(self, request: Request) -> None:
        """Count an attempt to authenticate that failed."""
        if self._failures is None:
            return
        address = self._addresses.of(request)
        self._failures.take(address)
        if self._failures.wait(address):
            _log.warning("too many failed attempts to authenticate", extra={"address": address})

    def check_caller(self, name: str) -> None:
        """Exhausted RATE_LIMITED if a caller sends too many requests."""
        if self._by_caller is not None:
            _refuse(self._by_caller.take(name), f"{name} sends too many requests", "RATE_LIMITED")


def _buckets(rate: float, burst: int) -> Buckets | None:
    return Buckets(rate, burst) if rate else None


def _failures(settings: Settings) -> Buckets | None:
    attempts = settings.failed_attempts
    if attempts < 0:
        # Behind a proxy that is not trusted, all clients would be locked out together.
        attempts = FAILED_ATTEMPTS if settings.trust_forwarded else 0
    return Buckets(attempts / _MINUTE, attempts) if attempts and settings.auth != "off" else None


def _refuse(wait_ns: int, fault: str, reason: str) -> None:
    if wait_ns:
        seconds = -(-wait_ns // SECOND)
        raise Exhausted(f"{fault}; wait {seconds} s", reason=reason, retry_after=str(seconds))
