"""The background work of the service: deletions, loops, the trash, settled events, expired records."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from services.metadata.application.clock import Clock, moment
from services.metadata.application.deletion_requests import Deletions
from services.metadata.application.ports import Store, Tables
from services.metadata.application.trash.purging import Purging
from services.metadata.domain.deletion_request import Deletion
from services.metadata.domain.trash import Trashed
from services.shared.errors import DataDamaged, TamsError, Unavailable
from services.shared.ids import new_uuid
from services.shared.process.background import repeat

_IDLE_SECONDS: Final = 1.0
_LEASE_MS: Final = 30_000
# Events that one transaction deletes.
_TRIM_LIMIT: Final = 1000
_log = logging.getLogger(__name__)
Step = Callable[[], Awaitable[bool]]


class Report(Protocol):
    """Reports to health checks whether the store can be read."""

    async def __call__(self, *, serving: bool) -> None:
        """Report a change; `serving` is True if the store can be read."""
        ...


class Upkeep:
    """The background worker. Several can run on one store, because each leases the deletion it works on."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        deletions: Deletions,
        *further: Step,
    ) -> None:
        """Each step of `further` does a slice of other work, and returns True if more of it waits."""
        self._store = store
        self._clock = clock
        self._deletions = deletions
        self._further = further
        self._purging = Purging(store, clock)
        self._owner = new_uuid()

    async def run(self, report: Report, *, serving: bool = True) -> None:
        """Work until cancelled, and try again after failures. Report when the store can no longer be read."""
        reported = serving

        async def work() -> float:
            nonlocal reported
            is_busy, serving = await self._attempt(quiet=not reported)
            if serving != reported:
                await report(serving=serving)
                reported = serving
            return 0.0 if is_busy else _IDLE_SECONDS

        await repeat("do upkeep", work, pause_seconds=_IDLE_SECONDS)

    async def _attempt(self, *, quiet: bool) -> tuple[bool, bool]:
        """Run `once`. Returns True if more work waits, and True if the store can be read."""
        try:
            return await self.once(), True
        except Unavailable as error:
            _log.info("upkeep waits for the store", extra={"reason": error.summary})
            return False, await self._readable(quiet=quiet)
        except Exception:  # noqa: BLE001 - any failure must leave the worker running
            _log.warning("upkeep failed and will be tried again", exc_info=True)
            return False, True

    async def _readable(self, *, quiet: bool) -> bool:
        """True if the store can be read, as when a full disk refuses writes only. `quiet` logs no warning."""
        try:
            await self._store.probe()
        except Unavailable as error:
            level = logging.INFO if quiet else logging.WARNING
            _log.log(level, "the store cannot be read", extra={"reason": error.summary})
            return False
        return True

    async def once(self) -> bool:
        """Do one slice of each kind of work; True if more waits."""
        has_further = any([await step() for step in self._further])
        if not await self._store.read(self._has_work):
            return has_further
        deletion = await self._store.write(self._claim)
        if deletion is not None:
            await self._work_on(deletion)
        has_more = await self._purge()
        trimmed = await self._store.write(_trim)
        return deletion is not None or has_more or trimmed == _TRIM_LIMIT or has_further

    async def _purge(self) -> bool:
        """Purge a slice of the trash; True if there is more."""
        if not await self._store.read(self._has_trash):
            return False
        entry = await self._store.write(self._claim_trash)
        return entry is not None and await self._purging.step(entry.id)

    def _has_trash(self, tables: Tables) -> bool:
        return tables.trash.due(self._owner, moment(self._clock).ms)

    async def _work_on(self, deletion: Deletion) -> None:
        try:
            await self._deletions.step(deletion.id)
        except Exception as error:
            if isinstance(error, TamsError) and not isinstance(error, DataDamaged):
                raise  # The store failed, not this deletion.
            _log.exception("a deletion failed", extra={"deletion": deletion.id})
            await self._deletions.fail(deletion.id, type(error).__name__)

    def _has_work(self, tables: Tables) -> bool:
        now = moment(self._clock).ms
        return (
            tables.deletions.due(self._owner, now)
            or self._has_trash(tables)
            or tables.events.has_up_to(_settled_id(tables))
        )

    def _claim_trash(self, tables: Tables) -> Trashed | None:
        now = moment(self._clock).ms
        return tables.trash.claim(self._owner, now, now + _LEASE_MS)

    def _claim(self, tables: Tables) -> Deletion | None:
        now = moment(self._clock).ms
        tables.deletions.expire(now)
        return tables.deletions.claim(self._owner, now, now + _LEASE_MS)


def _trim(tables: Tables) -> int:
    return tables.events.trim(_settled_id(tables), _TRIM_LIMIT)


def _settled_id(tables: Tables) -> int:
    """The id up to which no webhook needs events any more."""
    settled = tables.webhooks.settled_by_all()
    return tables.events.last_id() if settled is None else settled
