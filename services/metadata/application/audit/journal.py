"""Records changes that cannot share a transaction with their entry, such as those of table definitions."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from services.metadata.application.audit.recording import record
from services.metadata.application.clock import Clock, Moment, authored_moment
from services.metadata.application.ports import Store
from services.metadata.domain.audit import NO_FACTS, Facts, Outcome
from services.shared.errors import TamsError

_log: Final = logging.getLogger(__name__)


class Journal:
    """Records that a change begins, and how it ends. So a crash leaves no change without an entry."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    @asynccontextmanager
    async def entry(self, action: str, resource: str) -> AsyncIterator[None]:
        """Record the change that the block makes. It is not made if its beginning cannot be recorded."""
        if authored_moment(self._clock).trail is None:
            yield
            return
        await self._write(action, resource, Outcome.BEGUN)
        try:
            yield
        except TamsError as error:
            await self._end(action, resource, Outcome.REFUSED, {"reason": error.reason})
            raise
        await self._end(action, resource, Outcome.DONE)

    async def _end(self, action: str, resource: str, outcome: Outcome, facts: Facts = NO_FACTS) -> None:
        try:
            await self._write(action, resource, outcome, facts)
        except TamsError as error:
            # The change has ended already. Its beginning is in the log.
            _log.warning(
                "the end of a change is not recorded", extra={"action": action, "reason": error.summary}
            )

    async def _write(self, action: str, resource: str, outcome: Outcome, facts: Facts = NO_FACTS) -> None:
        now: Moment = authored_moment(self._clock)
        await self._store.write(lambda tables: record(tables, now, action, resource, facts, outcome=outcome))
