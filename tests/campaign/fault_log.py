"""The faults of a run with their times."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

# The time after a fault in which requests may still fail because of it: restarts, probes and back-off.
GRACE_SECONDS: Final = 20.0
# After a fault of the database no process starts again.
_GRACE: Final = {"database": 5.0}


@dataclass
class Fault:
    """A fault. `ended` is None while it is under way."""

    kind: str
    detail: str
    began: float
    ended: float | None = None


class FaultLog:
    """All faults of a run."""

    def __init__(self) -> None:
        self.all: list[Fault] = []

    @contextmanager
    def recorded(self, kind: str, detail: str) -> Iterator[Fault]:
        """Record a fault that is under way within the block."""
        fault = Fault(kind, detail, time.monotonic())
        self.all.append(fault)
        try:
            yield fault
        finally:
            fault.ended = time.monotonic()

    def since(self, began: float, *kinds: str) -> bool:
        """Whether a fault had effects since a time: of these kinds, or any that makes parts unreachable."""
        wanted = kinds or ("kill", "kill-runner", "stall", "disk", "database")
        return any(
            fault.kind in wanted
            and (fault.ended is None or fault.ended + _GRACE.get(fault.kind, GRACE_SECONDS) > began)
            for fault in reversed(self.all)
        )

    def during(self, began: float) -> str:
        """The faults that were under way since a time, as text."""
        recent = [fault for fault in self.all if fault.ended is None or fault.ended > began]
        return "; ".join(f"{fault.kind} ({fault.detail})" for fault in recent) or "nothing"

    def quiet_for(self, *kinds: str) -> float:
        """Seconds since the last fault ended, of these kinds or of any; 0 while a fault is under way."""
        faults = [fault for fault in self.all if not kinds or fault.kind in kinds]
        if not faults:
            return time.monotonic()
        if any(fault.ended is None for fault in faults):
            return 0.0
        return time.monotonic() - max(fault.ended or 0.0 for fault in faults)
