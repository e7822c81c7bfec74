"""Faults that a test asks an endpoint for: each hits the next requests of some operations, then is spent."""

from collections.abc import Collection
from dataclasses import dataclass
from threading import Lock

from tests.vast.refusals import Refusal

ROW_WRITES = frozenset({"insert", "update", "delete"})


@dataclass(kw_only=True)
class Fault:
    """What happens to the next `times` requests of `operations`, after the first `skip` of them passed.

    No operations means every operation; `times=None` means until it is removed.
    """

    operations: Collection[str] = frozenset()
    times: int | None = 1
    skip: int = 0
    refusal: Refusal | None = None
    """Answered in place of acting."""
    delay: float = 0.0
    """Seconds before acting."""
    drop: bool = False
    """Close the connection without acting."""
    lose_reply: bool = False
    """Act, then close the connection in place of answering."""
    truncate: int | None = None
    """Act, then close the connection after this many bytes of the reply's body."""

    def takes(self, operation: str) -> bool:
        """Returns whether the request is hit, and counts it."""
        if (self.operations and operation not in self.operations) or self.times == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Faults:
    """The faults of one endpoint; the first that takes a request decides."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Puts a fault behind those already asked for."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forgets all faults, spent or not."""
        with self._lock:
            self._faults.clear()

    def take(self, operation: str) -> Fault | None:
        """Returns the fault that hits this request, if any does."""
        with self._lock:
            return next((fault for fault in self._faults if fault.takes(operation)), None)


def refused(status: int, code: str, *operations: str, times: int | None = 1, skip: int = 0) -> Fault:
    """Returns a fault that answers with an error: 503 SlowDown, 500, 403..."""
    refusal = Refusal(status, code, "asked for by a test")
    return Fault(operations=operations, refusal=refusal, times=times, skip=skip)


def conflict_storm(times: int) -> Fault:
    """Returns a fault that answers row writes with 409."""
    return refused(409, "TabularConflict", *ROW_WRITES, times=times)


def slow(seconds: float, *operations: str, times: int | None = None) -> Fault:
    """Returns a fault that delays requests, without holding up others."""
    return Fault(operations=operations, delay=seconds, times=times)


def dropped(*operations: str, times: int | None = 1, skip: int = 0) -> Fault:
    """Returns a fault that closes the connection before anything was done."""
    return Fault(operations=operations, drop=True, times=times, skip=skip)


def lost_reply(*operations: str, times: int | None = 1, skip: int = 0) -> Fault:
    """Returns a fault that does the work and then closes the connection: commit outcomes become unknown."""
    return Fault(operations=operations, lose_reply=True, times=times, skip=skip)


def truncated(size: int, *operations: str, times: int | None = 1) -> Fault:
    """Returns a fault that ends the reply after so many bytes of its body; queries unless named otherwise."""
    return Fault(operations=operations or ("query",), truncate=size, times=times)
