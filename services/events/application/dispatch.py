"""Holds the leases of this process and delivers to the leased subscribers."""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from typing import Final, NoReturn, Protocol

from services.events.application.deliveries import Deliveries
from services.events.application.environment import Environment
from services.events.domain.status import Status
from services.shared.errors import TamsError
from services.shared.process.background import background

_log = logging.getLogger(__name__)

# The shortest time between two renewals, however often registrations change.
_MIN_RENEW_SECONDS: Final = 0.1
# At shutdown: the time for attempts under way, and again to end deliveries; then the time to release leases.
_END_SECONDS: Final = 2.0
_RELEASE_SECONDS: Final = 1.0


class Report(Protocol):
    """Publishes the state of the service to health checks."""

    async def __call__(self, *, serving: bool) -> None:
        """`serving` is True if the outbox answers."""
        ...


class Dispatcher:
    """Takes and renews leases every `renew_seconds`, and as soon as a registration changes.

    If the leases cannot be renewed before they expire, all deliveries end.
    """

    def __init__(self, environment: Environment, *, renew_seconds: float) -> None:
        self._environment = environment
        self._renew_seconds = renew_seconds
        # An own deadline, because gRPC's fires late if the event loop is overloaded.
        self._deadline_seconds = 1.5 * renew_seconds
        self._changed = asyncio.Event()
        self._deliveries = Deliveries(environment, self._changed.set)
        self._expiry: asyncio.TimerHandle | None = None
        self._is_unavailable = False

    def status(self) -> Status:
        """The status of all deliveries of this process."""
        return self._deliveries.status()

    async def run(self, report: Report) -> None:
        """Deliver until cancelled; reports after each renewal whether the outbox answers."""
        try:
            async with background(self._environment.event_poll.run(self._changed.set)):
                await self._keep_leases(report)
        finally:
            await self._leave()

    async def _keep_leases(self, report: Report) -> NoReturn:
        while True:
            is_renewed = await self._renew()
            # Here rather than at each scrape, which runs on another thread.
            self._environment.observation.summary = self._deliveries.summary()
            await report(serving=is_renewed)
            await asyncio.sleep(_MIN_RENEW_SECONDS)
            # After a failed renewal the leases may not last for a whole pause.
            pause = self._renew_seconds - _MIN_RENEW_SECONDS if is_renewed else _MIN_RENEW_SECONDS
            await _at_most(pause, self._changed.wait())
            self._changed.clear()

    async def _renew(self) -> bool:
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._deliveries.forget_ended()
        try:
            async with asyncio.timeout(self._deadline_seconds):
                leased = {subscriber.id: subscriber for subscriber in await self._environment.outbox.lease()}
        except (TamsError, TimeoutError) as error:
            self._note_unavailable(error)
            return False
        self._is_unavailable = False
        self._environment.lease.renew(started)
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = loop.call_at(self._environment.lease.ends, self._stop_sending)
        self._deliveries.update(leased)
        return True

    def _note_unavailable(self, error: Exception) -> None:
        if not self._is_unavailable:
            self._is_unavailable = True
            reason = error.summary if isinstance(error, TamsError) else "no answer in time"
            _log.warning("the outbox is unavailable", extra={"reason": reason})

    def _stop_sending(self) -> None:
        """Stop all deliveries, because other processes may take the leases from now on."""
        if self._deliveries.stop_all():
            _log.warning("the leases have expired; deliveries are stopped")

    async def _leave(self) -> None:
        """End deliveries and release the leases, so that other processes can take them at once."""
        await _at_most(_END_SECONDS, self._deliveries.finish_attempts())
        if self._expiry is not None:
            self._expiry.cancel()
        self._deliveries.stop_all()
        await _at_most(_END_SECONDS, self._deliveries.wait_ended())
        with suppress(TamsError):
            await _at_most(_RELEASE_SECONDS, self._environment.outbox.release())


async def _at_most(seconds: float, awaitable: Awaitable[object]) -> None:
    """Await for at most `seconds`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await awaitable
