"""What the service does by itself: finish deletions, forget what is done with."""

import asyncio
import logging
from typing import Final, Protocol

from services.metadata.application.clock import Clock, moment
from services.metadata.application.deletions import Deletions
from services.metadata.application.ports import Store, Tables
from services.metadata.domain.deletion import Deletion
from services.shared.errors import TamsError, Unavailable
from services.shared.ids import new_uuid

_IDLE_SECONDS: Final = 1.0
_LEASE_MS: Final = 30_000
_TRIMMED: Final = 1000
_log = logging.getLogger(__name__)


class Report(Protocol):
    """Tells health checkers how the store is."""

    async def __call__(self, *, serving: bool) -> None:
        """Whether it answers."""
        ...


class Upkeep:
    """The background worker. Several may run on one store; leases keep them apart."""

    def __init__(self, store: Store, clock: Clock, deletions: Deletions) -> None:
        self._store = store
        self._clock = clock
        self._deletions = deletions
        self._owner = new_uuid()

    async def run(self, report: Report) -> None:
        """Work until cancelled. A store that fails is tried again, and reported as not serving."""
        told = True
        while True:
            busy, serving = False, True
            try:
                busy = await self.once()
            except Exception as error:  # noqa: BLE001 - whatever failed, the work must go on
                _log.warning("upkeep failed and will be tried again", exc_info=True)
                serving = not isinstance(error, Unavailable)
            if serving != told:
                await report(serving=serving)
                told = serving
            await asyncio.sleep(0 if busy else _IDLE_SECONDS)

    async def once(self) -> bool:
        """One slice of each kind of work; whether more is waiting."""
        deletion = await self._store.write(self._claim)
        if deletion is not None:
            await self._work_on(deletion)
        trimmed = await self._store.write(_trim)
        return deletion is not None or trimmed == _TRIMMED

    async def _work_on(self, deletion: Deletion) -> None:
        try:
            await self._deletions.step(deletion.id)
        except TamsError:
            raise  # the store's trouble, not this deletion's
        except Exception as error:  # noqa: BLE001 - it would fail again for ever, ahead of all others
            _log.exception("a deletion failed", extra={"deletion": deletion.id})
            await self._deletions.fail(deletion.id, type(error).__name__)

    def _claim(self, tables: Tables) -> Deletion | None:
        now = moment(self._clock).ms
        tables.deletions.expire(now)
        return tables.deletions.claim(self._owner, now, now + _LEASE_MS)


def _trim(tables: Tables) -> int:
    settled = tables.webhooks.settled_by_all()
    return tables.events.trim(tables.events.last_id() if settled is None else settled, _TRIMMED)
