"""Which subscribers this process serves: a task for each lease it holds."""

import asyncio
import logging
from contextlib import suppress
from typing import Final, Protocol

from services.events.application.delivery import Delivery
from services.events.application.ports import Outbox
from services.events.application.service import Service
from services.events.domain.subscriber import Subscriber
from services.shared.errors import FailedPrecondition, TamsError

_log = logging.getLogger("tams.events")

_AWAY_SECONDS: Final = 1.0
_LAST_SECONDS: Final = 2.0


class Report(Protocol):
    """Tells health checkers how it is."""

    async def __call__(self, *, serving: bool) -> None:
        """Whether the outbox answers."""
        ...


class Dispatch:
    """Takes and renews leases, and starts and stops delivery as they come and go."""

    def __init__(self, outbox: Outbox, delivery: Delivery, *, places: int, renew_seconds: float) -> None:
        self._outbox = outbox
        self._delivery = delivery
        self._places = places
        self._renew_seconds = renew_seconds
        self._serving: dict[str, tuple[Subscriber, asyncio.Task[None]]] = {}

    async def run(self, report: Report) -> None:
        """Serve until cancelled; reports whether the outbox answers."""
        try:
            while True:
                await report(serving=await self._renew())
                await asyncio.sleep(self._renew_seconds)
        finally:
            await self._leave()

    async def _leave(self) -> None:
        """End deliveries, and let others have the subscribers if the outbox still listens."""
        await self._stop(list(self._serving))
        with suppress(TamsError, TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                await self._outbox.release()

    async def _renew(self) -> bool:
        try:
            leased = await self._lease()
            if outdated := [name for name in self._serving if self._outdated(name, leased)]:
                await self._stop(outdated)
                # Again: they have acknowledged more.
                leased = await self._lease()
        except TamsError as error:
            _log.warning("the outbox is away", extra={"reason": error.summary})
            return False
        for name, subscriber in leased.items():
            if name not in self._serving:
                self._serving[name] = subscriber, asyncio.create_task(self._serve(subscriber))
        return True

    async def _lease(self) -> dict[str, Subscriber]:
        return {subscriber.id: subscriber for subscriber in await self._outbox.lease()}

    def _outdated(self, name: str, leased: dict[str, Subscriber]) -> bool:
        subscriber, task = self._serving[name]
        now = leased.get(name)
        return task.done() or now is None or now._replace(settled=subscriber.settled) != subscriber

    async def _stop(self, names: list[str]) -> None:
        tasks = [self._serving.pop(name)[1] for name in names]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, subscriber: Subscriber) -> None:
        """Deliver; when the outbox fails, end after a pause, so that the next renewal starts anew."""
        try:
            await Service(self._outbox, self._delivery, subscriber, self._places).run()
        except FailedPrecondition:
            return
        except TamsError as error:
            _log.warning("delivery paused", extra={"webhook": subscriber.id, "reason": error.summary})
            await asyncio.sleep(_AWAY_SECONDS)
        except Exception:  # noqa: BLE001 - the next renewal begins anew; nothing was acknowledged
            _log.exception("delivery failed", extra={"webhook": subscriber.id})
            await asyncio.sleep(_AWAY_SECONDS)
