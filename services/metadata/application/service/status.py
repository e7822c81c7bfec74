"""The status of the store, for health checks and monitoring."""

from typing import Final, NamedTuple

from services.metadata.application.clock import Clock, moment
from services.metadata.application.ports import Store, Tables
from services.metadata.application.ports.administration import Administration
from services.metadata.domain.deletion_request import Status
from services.metadata.domain.objects.object import State
from services.shared.errors import TamsError

_MAX_COUNT: Final = 1000
_OPEN: Final = frozenset({Status.CREATED, Status.STARTED})


class Backlog(NamedTuple):
    """The work that waits. All numbers except that of events are counted up to 1000."""

    events: int
    oldest_event_seconds: float
    deletions: int
    unmeasured_objects: int
    unreferenced_objects: int
    reclaimed_objects: int


class StoreStatus:
    """Reports whether the store takes writes, the free space, and the work that waits."""

    def __init__(self, store: Store, tables: Administration, clock: Clock) -> None:
        self._store = store
        self._tables = tables
        self._clock = clock

    def refusal(self) -> TamsError | None:
        """The error with which writes are refused now; None if the store takes writes."""
        return self._tables.refusal()

    def free_bytes(self) -> int | None:
        """The bytes by which the database can grow; None if unknown."""
        return self._tables.free_bytes()

    async def backlog(self) -> Backlog:
        """The work that waits."""
        now_ns = moment(self._clock).ns
        return await self._store.scan(lambda tables: _backlog(tables, now_ns))


def _backlog(tables: Tables, now_ns: int) -> Backlog:
    settled = tables.webhooks.settled_by_all()
    events = 0 if settled is None else max(0, tables.events.last_id() - settled)
    oldest = tables.events.after(settled, 1) if settled is not None and events else []
    objects = tables.objects
    return Backlog(
        events,
        max(0.0, (now_ns - oldest[0].time_ns) / 1e9) if oldest else 0.0,
        sum(deletion.status in _OPEN for deletion in tables.deletions.latest(_MAX_COUNT)),
        len(objects.unmeasured(_MAX_COUNT)),
        len(objects.idle(State.UNREFERENCED, 0, _MAX_COUNT)),
        len(objects.idle(State.RECLAIMED, 0, _MAX_COUNT)),
    )
