"""Counts attempts of callers for the audit log, and reports them in batches.

An attack must not fill the log. So of each cause the first attempts of a minute are reported one by one, and
the others as a number after the minute. What waits is lost if the process ends.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from time import time_ns
from typing import Final, NoReturn, Protocol

from services.access.ports import Attempt
from services.shared.access import caller
from services.shared.process.background import repeat
from services.shared.process.logs import request_id

AUTHENTICATION_FAILED: Final = "authentication.failed"
AUTHENTICATION_SUCCEEDED: Final = "authentication.succeeded"
AUTHORIZATION_REFUSED: Final = "authorization.refused"
# Attempts of one cause in a minute that are reported one by one.
SINGLE: Final = 5
# Causes that are counted separately in a minute. Callers cannot invent reasons, but there are many callers.
MAX_CAUSES: Final = 100
MAX_WAITING: Final = 1000
_MAX_NAMES: Final = 10_000
_MINUTE: Final = 60 * 10**9
_HOUR: Final = 3600 * 10**9
_PAUSE_SECONDS: Final = 2.0
_LONGEST_PAUSE_SECONDS: Final = 60.0
_MANY_CAUSES: Final = "many"


class Send(Protocol):
    """Reports attempts to the metadata service."""

    async def __call__(self, attempts: Sequence[Attempt]) -> None:
        """Report up to MAX_WAITING attempts."""
        ...


class Attempts:
    """The attempts that are not reported yet. For one event loop."""

    def __init__(self, clock: Callable[[], int] = time_ns) -> None:
        """`clock` returns nanoseconds since 1970."""
        self._clock = clock
        self._waiting: list[Attempt] = []
        self._minute = 0
        # The attempts of each cause in this minute, and those that are only counted.
        self._seen: dict[tuple[str, str, str], int] = {}
        self._counted: dict[tuple[str, str, str], Attempt] = {}
        # The hour of the last success of each caller that was reported.
        self._hours: OrderedDict[str, int] = OrderedDict()

    def failed(self, claimed_name: str, reason: str) -> None:
        """Note an attempt to authenticate. The reason must not contain parts of the credentials."""
        self._note(
            Attempt(self._clock(), AUTHENTICATION_FAILED, claimed_name, caller.address.get(), reason), ""
        )

    def succeeded(self, name: str) -> None:
        """Note that a caller authenticated; reported once an hour."""
        now = self._clock()
        if self._hours.get(name) == now // _HOUR:
            return
        self._hours[name] = now // _HOUR
        self._hours.move_to_end(name)
        if len(self._hours) > _MAX_NAMES:
            self._hours.popitem(last=False)
        self._note(Attempt(now, AUTHENTICATION_SUCCEEDED, name, caller.address.get()), name)

    def refused(
        self, name: str, reason: str, action: str = AUTHORIZATION_REFUSED, resource: str = ""
    ) -> None:
        """Note that a caller, who has authenticated, was refused."""
        self._note(
            Attempt(self._clock(), action, name, caller.address.get(), reason, resource=resource), name
        )

    async def run(self, send: Send) -> NoReturn:
        """Report attempts until cancelled, and try again after failures."""

        async def report() -> float:
            await self.report(send)
            return _PAUSE_SECONDS

        await repeat(
            "report attempts of callers",
            report,
            pause_seconds=_PAUSE_SECONDS,
            longest_pause_seconds=_LONGEST_PAUSE_SECONDS,
        )

    async def report(self, send: Send) -> None:
        """Report what waits."""
        self._begin_minute()
        batch = list(self._waiting)
        if batch:
            await send(batch)
            # Others may have come meanwhile, behind these.
            del self._waiting[: len(batch)]

    def _note(self, attempt: Attempt, name: str) -> None:
        self._begin_minute()
        cause = attempt.action, attempt.reason, name
        if cause not in self._seen and len(self._seen) >= MAX_CAUSES:
            cause = attempt.action, _MANY_CAUSES, ""
        count = self._seen[cause] = self._seen.get(cause, 0) + 1
        if count <= SINGLE and len(self._waiting) < MAX_WAITING:
            self._waiting.append(attempt._replace(request_id=request_id.get()))
            return
        first = self._counted.get(cause)
        if first is None:
            # Names and addresses of these differ.
            first = Attempt(attempt.time_ns, cause[0], cause[2], reason=cause[1], times=0)
        self._counted[cause] = first._replace(times=first.times + 1)

    def _begin_minute(self) -> None:
        """Move the numbers of the last minute to the attempts that wait, if it is over."""
        minute = self._clock() // _MINUTE
        if minute == self._minute:
            return
        self._minute = minute
        self._seen.clear()
        room = max(0, MAX_WAITING - len(self._waiting))
        self._waiting += list(self._counted.values())[:room]
        self._counted.clear()
