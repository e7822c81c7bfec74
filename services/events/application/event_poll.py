"""Asks the outbox for new events, once for all subscribers."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from services.events.application.ports import Outbox
from services.shared.errors import TamsError

# Pause between two polls, so that events that are committed shortly after each other are found together.
_GAP_SECONDS: Final = 0.01
# The longest pause while no subscriber waits for events.
_BUSY_SECONDS: Final = 0.25
_UNAVAILABLE_SECONDS: Final = 1.0


class EventPoll:
    """Knows the highest event id of the outbox and wakes waiting subscribers when it changes."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._waiting: set[asyncio.Event] = set()
        self._some_wait = asyncio.Event()
        self.last_id = 0

    async def run(self, registrations_changed: Callable[[], None]) -> None:
        """Poll until cancelled. Calls `registrations_changed` if a webhook registration changes."""
        while True:
            try:
                change = await self._outbox.await_events(self.last_id)
            except TamsError:
                # Not logged here: the renewal of the leases logs it.
                await asyncio.sleep(_UNAVAILABLE_SECONDS)
                continue
            if change.registrations_changed:
                registrations_changed()
            if change.last_id != self.last_id:
                self._publish(change.last_id)
            await asyncio.sleep(_GAP_SECONDS)
            await self._wait_for_subscriber()

    @contextmanager
    def waking(self, event: asyncio.Event) -> Iterator[None]:
        """Set the event whenever the highest event id changes, until the block ends."""
        self._waiting.add(event)
        self._some_wait.set()
        try:
            yield
        finally:
            self._waiting.discard(event)

    async def _wait_for_subscriber(self) -> None:
        """Return when a subscriber waits, or after _BUSY_SECONDS."""
        if self._waiting:
            return
        self._some_wait.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_BUSY_SECONDS):
                await self._some_wait.wait()

    def _publish(self, last_id: int) -> None:
        self.last_id = last_id
        for event in self._waiting:
            event.set()
