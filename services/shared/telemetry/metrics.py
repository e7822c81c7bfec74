"""The numbers of a process, counted in memory and read when they are scraped.

A number costs a fifth of a microsecond. The instruments of OpenTelemetry cost 13, and those of
prometheus_client 2, which is too much for a call of 80. Their libraries publish the numbers; see
docs/decisions/telemetry.md.
"""

import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from services.shared.telemetry.trace import current

_log = logging.getLogger(__name__)
Labels = tuple[str, ...]

# Bounds for calls, in seconds, and for numbers of things.
SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
COUNTS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
# The label combinations of a metric. Beyond these, values are counted under OTHER.
MAX_CELLS: Final = 1000
OTHER: Final = "other"


class Exemplar(NamedTuple):
    """A value that belongs to a recorded trace, and the time in seconds since the epoch."""

    value: float
    trace_id: str
    time: float


class Count:
    """A number that only rises."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def add(self, number: float = 1) -> None:
        """Raise the number."""
        self.value += number


class Distribution:
    """Values, counted in buckets. `exemplars` has the last traced value of each bucket."""

    __slots__ = ("bounds", "counts", "exemplars", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.exemplars: dict[int, Exemplar] = {}
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        bucket = bisect_left(self.bounds, value)
        # CPython switches threads only between calls and loops, so no count of another thread is lost.
        self.counts[bucket] += 1
        self.sum += value
        if (trace := current.get()) is not None and trace.sampled:
            self.exemplars[bucket] = Exemplar(value, trace.trace_id, time.time())


C = TypeVar("C", Count, Distribution)


class Family(Generic[C]):
    """A metric: one cell for each combination of the values of its labels."""

    def __init__(self, name: str, text: str, labels: Sequence[str], new_cell: Callable[[], C]) -> None:
        self.name = name
        self.text = text
        self.labels = tuple(labels)
        self._new_cell: Callable[[], C] = new_cell
        self._cells: dict[Labels, C] = {}

    def cell(self, *values: str) -> C:
        """The cell with these values of the labels. Hot paths keep it."""
        cell = self._cells.get(values)
        if cell is None:
            if len(self._cells) >= MAX_CELLS:
                values = (OTHER,) * len(self.labels)
            cell = self._cells.setdefault(values, self._new_cell())
        return cell

    def cells(self) -> Iterator[tuple[Labels, C]]:
        """All cells with their labels."""
        # A copy, because other threads add cells.
        return iter(list(self._cells.items()))


class Gauge(NamedTuple):
    """A metric that is read when it is scraped: a number, or numbers by the values of the labels."""

    name: str
    text: str
    labels: tuple[str, ...]
    read: Callable[[], float | Mapping[Labels, float]]

    def values(self) -> Mapping[Labels, float]:
        """The present numbers by labels; none if they cannot be read."""
        try:
            value = self.read()
        except Exception:  # noqa: BLE001 - a scrape without this metric is better than none
            _log.warning("cannot read the metric %s", self.name, exc_info=True)
            return {}
        return value if isinstance(value, Mapping) else {(): float(value)}


class Metrics:
    """All metrics of a process. Asking twice for a name gives the same metric."""

    def __init__(self) -> None:
        self.counters: dict[str, Family[Count]] = {}
        self.histograms: dict[str, Family[Distribution]] = {}
        self.gauges: dict[str, Gauge] = {}

    def counter(self, name: str, text: str, *labels: str) -> Family[Count]:
        """A metric that only rises. Its name ends with _total when it is published."""
        return self.counters.setdefault(name, Family(name, text, labels, Count))

    def histogram(
        self, name: str, text: str, *labels: str, bounds: Sequence[float] = SECONDS
    ) -> Family[Distribution]:
        """A metric with the distribution of values."""
        return self.histograms.setdefault(name, Family(name, text, labels, lambda: Distribution(bounds)))

    def gauge(
        self, name: str, text: str, read: Callable[[], float | Mapping[Labels, float]], *labels: str
    ) -> None:
        """A metric that rises and falls. `read` runs on the thread of the scrape and must be quick."""
        self.gauges[name] = Gauge(name, text, labels, read)
