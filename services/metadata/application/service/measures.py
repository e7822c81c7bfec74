"""Measures of the whole store, read from time to time for metrics."""

from typing import Final, NoReturn

from services.metadata.application.service.status import Backlog, StoreStatus
from services.shared.process.background import repeat
from services.shared.telemetry.metrics import Labels, Metrics

# A scrape gets numbers of at most this age, in seconds. Reading them costs an idle VAST cluster ten requests.
SECONDS: Final = 15.0
VAST_SECONDS: Final = 60.0
_KINDS: Final = tuple(name for name in Backlog._fields if name != "oldest_event_seconds")


class StoreMeasures:
    """Publishes the work that waits, the free space, and whether the store takes writes."""

    def __init__(self, status: StoreStatus, metrics: Metrics, seconds: float = SECONDS) -> None:
        """The backlog is read every `seconds`."""
        self._status = status
        self._seconds = seconds
        self._backlog: Backlog | None = None
        metrics.gauge(
            "tams_store_takes_writes", "1 if the store takes writes, else 0.",
            lambda: float(status.refusal() is None),
        )  # fmt: skip
        metrics.gauge("tams_store_free_bytes", "The bytes by which the database can grow.", self._free)
        metrics.gauge("tams_backlog", "The work that waits; numbers end at 1000.", self._waiting, "kind")
        metrics.gauge(
            "tams_outbox_age_seconds", "The age of the oldest event that a webhook has not got.", self._age
        )

    async def run(self) -> NoReturn:
        """Read the backlog until cancelled."""
        await repeat("measure the backlog", self._measure, pause_seconds=self._seconds)

    async def _measure(self) -> float:
        self._backlog = await self._status.backlog()
        return self._seconds

    def _free(self) -> dict[Labels, float]:
        free = self._status.free_bytes()
        return {} if free is None else {(): float(free)}

    def _waiting(self) -> dict[Labels, float]:
        backlog = self._backlog
        return {} if backlog is None else {(kind,): float(getattr(backlog, kind)) for kind in _KINDS}

    def _age(self) -> dict[Labels, float]:
        return {} if self._backlog is None else {(): self._backlog.oldest_event_seconds}
