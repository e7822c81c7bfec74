"""Opens the tables when the store starts, and again after the database has lost them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Final, TypeVar

from services.metadata.adapters.vast.opening.evolution import Filling
from services.metadata.adapters.vast.opening.restoration import refuse_incomplete
from services.metadata.adapters.vast.reading.refreshing import announce
from services.metadata.adapters.vast.schema import TABLES
from services.metadata.adapters.vast.writing.fence import Fence
from services.metadata.adapters.vast.writing.locks import Locks
from services.shared.errors import StartupError
from services.shared.process.background import background
from services.vast_client.cluster import Cluster
from services.vast_client.failures import Failure, Refused, Unknown, Unreachable
from services.vast_client.listing import table_names

T = TypeVar("T")

_log = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 2.0
# Failures in a row before the log reports that the store waits for the database.
_REPORTED_AFTER: Final = 3
# The longest time for which the start waits for the first attempt.
_SETTLED_SECONDS: Final = 10.0
# The shortest time between two such reports.
_REPORT_SECONDS: Final = 300.0
# A database that was restarted may not know a transaction. After this many failures, the bucket is missing.
_MAX_UNKNOWN: Final = 4
# Attempts of the first request.
_PROBES: Final = 2
# The shortest time between two checks for lost tables.
_CHECK_SECONDS: Final = 2.0


class Opening:
    """Opens the tables, however long the database is unreachable, and passes on their locks."""

    def __init__(self, cluster: Cluster, *, single_writer: bool) -> None:
        self._settled = asyncio.Event()
        self._cluster = cluster
        self._single_writer = self._may_write = single_writer
        self._filling = Filling(cluster)
        self._doubted = asyncio.Event()
        self._failures = self._unknown = 0
        self._reported = float("-inf")

    async def run(self, ready: Callable[[Locks | None], None]) -> None:
        """Call `ready` with the locks when the tables can be used, and with None when tables are lost.

        Lost tables are created again. StartupError for failures that waiting does not resolve.
        """
        ready(await self._retried(self._open))
        self._settled.set()
        while True:
            await self._doubted.wait()
            if lost := await self._retried(self._lost_tables):
                ready(None)
                _log.error(
                    "the database has lost tables: they are created again, empty", extra={"tables": lost}
                )
                ready(await self._retried(self._open))
            await asyncio.sleep(_CHECK_SECONDS)
            self._doubted.clear()

    @asynccontextmanager
    async def beside(self, ready: Callable[[Locks | None], None]) -> AsyncIterator[None]:
        """Run during a block, which begins when the tables can be used or the store waits for the database.

        The block ends with StartupError if `run` does.
        """
        try:
            async with background(self.run(ready)):
                with suppress(TimeoutError):
                    async with asyncio.timeout(_SETTLED_SECONDS):
                        await self._settled.wait()
                yield
        finally:
            await asyncio.to_thread(self._filling.end)

    def doubt(self) -> None:
        """Check for lost tables, because the database did not know a name or id."""
        self._doubted.set()

    async def _retried(self, work: Callable[[], T]) -> T:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                result = await asyncio.to_thread(work)
            except Failure as failure:
                self._failed(failure)
            else:
                self._succeeded()
                return result
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _failed(self, failure: Failure) -> None:
        self._failures += 1
        self._unknown = self._unknown + 1 if isinstance(failure, Unknown) else 0
        if isinstance(failure, Refused) or self._unknown == _MAX_UNKNOWN:
            raise StartupError(f"cannot open the tables on VAST: {failure}") from None
        may_last = isinstance(failure, Unreachable) or self._failures >= _REPORTED_AFTER
        if may_last and not self._unknown and monotonic() - self._reported >= _REPORT_SECONDS:
            self._reported = monotonic()
            self._settled.set()
            endpoints = " ".join(self._cluster.address.endpoints)
            # During a start, the operator sees errors at once, and warnings only at the end.
            _log.error("waiting for the database", extra={"endpoints": endpoints, "reason": str(failure)})

    def _succeeded(self) -> None:
        if self._reported > 0:
            _log.warning("the database answers")
        self._failures = self._unknown = 0
        self._reported = float("-inf")

    def _open(self) -> Locks:
        # This request fails soon if no endpoint responds. The next ones make more attempts.
        self._cluster.run(lambda _: None, attempts=_PROBES)
        refuse_incomplete(self._cluster)
        added = self._cluster.catalog.ensure(list(TABLES.values()))
        fence = Fence(self._cluster)
        fence.remove_old_rows()
        locks = Locks(self._cluster)
        if locks.filled:
            # A restore that began meanwhile has found these rows, or is found here.
            refuse_incomplete(self._cluster)
            announce(self._cluster)  # Running processes have other rows of locks, or none.
        self._may_write = self._may_write or fence.notices_conflicts()
        if not self._may_write:
            raise StartupError(
                "this VAST does not refuse conflicting updates, so only one metadata process may write;"
                " set TAMS_METADATA_VAST_SINGLE_WRITER=true if this is the only one"
            )
        fence.remove()
        self._filling.begin(added, before=self._single_writer)
        return locks

    def _lost_tables(self) -> list[str]:
        """The names of the missing tables, ascending."""
        address = self._cluster.address
        present = self._cluster.run(lambda transaction: table_names(transaction, address))
        return sorted(TABLES.keys() - present)
