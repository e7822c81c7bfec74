"""The cells of the fault matrix: a kind of fault, an operation, a number of endpoints, and a duration."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

from simulators.vast.endpoints.faults import Fault, stopped
from simulators.vast.http.refusals import Refusal

ENDPOINTS = 3
OPERATIONS = ("begin", "query", "insert", "update", "delete", "commit", "rollback")
# The longest time from when an endpoint can be reached until a process writes again.
RECOVERY_SECONDS = 2.0
# Longer than callers wait, so that a busy machine alone fails no test. After DEADLINE_SECONDS a request
# counts as failed.
BUDGET_SECONDS = 25.0
DEADLINE_SECONDS = 40.0
# The time for which an endpoint is unreachable in a fault that happens once, and the delay of a slow one.
_UNREACHABLE_SECONDS = 0.3
_SLOW_SECONDS = 1.0


def _answers(status: int, code: str) -> Callable[[], Fault]:
    return lambda: Fault(refusal=Refusal(status, code, "asked for by a test"))


KINDS: dict[str, Callable[[], Fault]] = {
    "refused": lambda: stopped(_UNREACHABLE_SECONDS),
    "dies after": lambda: stopped(_UNREACHABLE_SECONDS, acts=True),
    "reset before": lambda: Fault(drop=True, reset=True),
    "reset after": lambda: Fault(lose_reply=True, reset=True),
    "lost reply": lambda: Fault(lose_reply=True),
    "truncated": lambda: Fault(truncate=20),
    "hang": lambda: Fault(hang=True),
    "slow": lambda: Fault(delay=_SLOW_SECONDS),
    "403": _answers(403, "AccessDenied"),
    "500": _answers(500, "InternalError"),
    "503": _answers(503, "SlowDown"),
}
# The faults that another attempt survives, even if each endpoint has the fault once.
_PASSING = {"reset before", "reset after", "lost reply", "truncated", "500", "503"}


@dataclass
class Remaining:
    """The number of endpoints that have not had the fault yet."""

    count: int


class OneTimeFault(Fault):
    """A fault of one request to its endpoint, unless enough endpoints have had it."""

    def __init__(self, remaining: Remaining, fault: Fault) -> None:
        super().__init__(**{field.name: getattr(fault, field.name) for field in fields(fault) if field.init})
        self._remaining = remaining

    @property
    def spent(self) -> bool:
        return self._remaining.count == 0

    def takes(self, operation: str) -> bool:
        taken = not self.spent and super().takes(operation)
        self._remaining.count -= taken
        return taken


@dataclass(frozen=True)
class Cell:
    """One combination. `seconds` 0 means once for each of the endpoints; operation "" means all of them."""

    kind: str
    operation: str
    endpoints: int
    seconds: float = 0.0

    @property
    def may_fail(self) -> bool:
        """Whether requests may be answered 503 while the fault lasts, and for RECOVERY_SECONDS after it.

        | endpoints | once | while it lasts |
        |---|---|---|
        | one or two of three | no | no |
        | all | only if every new attempt meets the fault again | yes |
        """
        return self.endpoints == ENDPOINTS and (self.seconds > 0 or self.kind not in _PASSING)

    def faults(self) -> list[Fault]:
        """A fault for each endpoint. Lasting faults hit the first endpoints, others the ones asked first."""
        if self.seconds:
            return [self._fault() for _ in range(self.endpoints)]
        remaining = Remaining(self.endpoints)
        return [OneTimeFault(remaining, self._fault()) for _ in range(ENDPOINTS)]

    def __str__(self) -> str:
        lasting = f"for {self.seconds:g} s" if self.seconds else "once"
        return f"{self.kind}, {self.operation or 'every request'}, {self.endpoints} endpoints, {lasting}"

    def _fault(self) -> Fault:
        fault = KINDS[self.kind]()
        fault.operations = (self.operation,) if self.operation else ()
        if self.seconds and fault.stopped_seconds:
            fault.stopped_seconds = self.seconds
        elif self.seconds:
            fault.times, fault.seconds = None, self.seconds
        return fault


def quick_cells(kind: str, endpoints: int) -> Iterator[Cell]:
    """A sample: all operations of one endpoint, fewer of several, and every request for a while."""
    for operation in OPERATIONS if endpoints == 1 else ("begin", "insert", "commit"):
        yield Cell(kind, operation, endpoints)
    if endpoints in (1, ENDPOINTS):
        yield Cell(kind, "", endpoints, 1.5)


def long_cells(kind: str, endpoints: int, seconds: float) -> Iterator[Cell]:
    """Every cell of a kind and number of endpoints."""
    for operation in (*OPERATIONS, ""):
        yield Cell(kind, operation, endpoints)
        yield Cell(kind, operation, endpoints, seconds)
