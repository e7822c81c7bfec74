"""Faults of an endpoint that tests set: for some requests, for some time, or until they are cleared."""

import math
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from threading import Lock

from simulators.vast.http.refusals import Refusal

ROW_WRITES = frozenset({"insert", "update", "delete"})
UNLIMITED = math.inf


@dataclass(kw_only=True)
class Fault:
    """A fault of the next `times` requests of `operations`, after `skip` requests without the fault.

    No operations means all operations. `times=None` means all requests until it is cleared. With `seconds`,
    it ends that time after it was added.
    """

    operations: Collection[str] = frozenset()
    times: int | None = 1
    skip: int = 0
    seconds: float = UNLIMITED
    refusal: Refusal | None = None
    """The reply, instead of carrying out the request."""
    delay: float = 0.0
    """Seconds before the request is carried out."""
    hang: bool = False
    """Hold the request until the fault is cleared or has ended, then carry it out."""
    drop: bool = False
    """Close the connection without carrying out the request."""
    lose_reply: bool = False
    """Carry out the request, then close the connection without a reply."""
    truncate: int | None = None
    """Carry out the request, then close the connection after this number of bytes of the reply's body."""
    reset: bool = False
    """With `drop` or `lose_reply`: reset the connection instead of closing it."""
    stopped_seconds: float = 0.0
    """Stop the endpoint instead of carrying out the request, or after that with `lose_reply`. It refuses
    connections for this time, or until it is started if the time is UNLIMITED."""
    _ends_at: float = field(default=UNLIMITED, init=False, repr=False)

    def begin(self) -> None:
        """Starts the time of the fault."""
        self._ends_at = time.monotonic() + self.seconds

    @property
    def over(self) -> bool:
        """True if the time of the fault has ended."""
        return time.monotonic() >= self._ends_at

    def takes(self, operation: str) -> bool:
        """Returns True, and counts the request, if the fault applies to it."""
        if (self.operations and operation not in self.operations) or self.times == 0 or self.over:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Faults:
    """The faults of an endpoint. Of several that apply to a request, the first one is used."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Adds a fault after the present ones."""
        fault.begin()
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Removes all faults."""
        with self._lock:
            self._faults.clear()

    def holds(self, fault: Fault) -> bool:
        """Returns True if a request that the fault holds must continue to wait."""
        with self._lock:
            return not fault.over and any(added is fault for added in self._faults)

    def take(self, operation: str) -> Fault | None:
        """Returns the fault that applies to this request; None without a fault."""
        with self._lock:
            return next((fault for fault in self._faults if fault.takes(operation)), None)


def refused(status: int, code: str, *operations: str, times: int | None = 1, skip: int = 0) -> Fault:
    """Returns a fault with an error as reply, such as 503 SlowDown."""
    refusal = Refusal(status, code, "set by a test")
    return Fault(operations=operations, refusal=refusal, times=times, skip=skip)


def conflict_storm(times: int) -> Fault:
    """Returns a fault with 409 as reply to writes of rows."""
    return refused(409, "TabularConflict", *sorted(ROW_WRITES), times=times)


def slow(seconds: float, *operations: str, times: int | None = None) -> Fault:
    """Returns a fault that delays requests, each without delaying others."""
    return Fault(operations=operations, delay=seconds, times=times)


def hung(*operations: str, times: int | None = None, seconds: float = UNLIMITED) -> Fault:
    """Returns a fault that holds requests until it ends, like a process that is paused and continued."""
    return Fault(operations=operations, hang=True, times=times, seconds=seconds)


def stopped(seconds: float, *operations: str, skip: int = 0, acts: bool = False) -> Fault:
    """Returns a fault that stops the endpoint at a request, or after carrying it out if `acts` is set."""
    return Fault(operations=operations, stopped_seconds=seconds, skip=skip, lose_reply=acts)


def dropped(*operations: str, times: int | None = 1, skip: int = 0) -> Fault:
    """Returns a fault that closes the connection before the request is carried out."""
    return Fault(operations=operations, drop=True, times=times, skip=skip)


def reset_before(*operations: str, times: int | None = 1, skip: int = 0) -> Fault:
    """Returns a fault that resets the connection before the request is carried out."""
    return Fault(operations=operations, drop=True, reset=True, times=times, skip=skip)


def lost_reply(*operations: str, times: int | None = 1, skip: int = 0) -> Fault:
    """Returns a fault that closes the connection instead of the reply, so the outcome is unknown."""
    return Fault(operations=operations, lose_reply=True, times=times, skip=skip)


def reset_after(*operations: str, times: int | None = 1, skip: int = 0) -> Fault:
    """Returns a fault that resets the connection instead of the reply."""
    return Fault(operations=operations, lose_reply=True, reset=True, times=times, skip=skip)


def truncated(size: int, *operations: str, times: int | None = 1) -> Fault:
    """Returns a fault that ends the reply after `size` bytes of its body; by default for queries."""
    return Fault(operations=operations or ("query",), truncate=size, times=times)
