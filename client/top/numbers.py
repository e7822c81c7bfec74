"""The numbers of all processes together: levels at a time, and rates between two times."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from client.top.scraping import Sample, Scrape

_STARTED: Final = "process_start_time_seconds"
# A name of a sample that only rises ends so.
_RISING: Final = ("_total", "_bucket", "_count", "_sum")


class Numbers:
    """Samples by name. Each has the labels `process` and `service` besides its own."""

    def __init__(self, samples: Mapping[str, Sequence[Sample]]) -> None:
        self._samples = samples

    def __contains__(self, name: str) -> bool:
        return name in self._samples

    def where(self, name: str, **labels: str) -> Iterator[Sample]:
        """The samples of that name with these values of the labels."""
        for found, value in self._samples.get(name, ()):
            if all(found.get(label) == wanted for label, wanted in labels.items()):
                yield found, value

    def total(self, name: str, **labels: str) -> float:
        """The sum of these samples; 0 without any."""
        return sum(value for _, value in self.where(name, **labels))

    def highest(self, name: str, **labels: str) -> float | None:
        """The highest of these samples; None without any."""
        return max((value for _, value in self.where(name, **labels)), default=None)

    def lowest(self, name: str, **labels: str) -> float | None:
        """The lowest of these samples; None without any."""
        return min((value for _, value in self.where(name, **labels)), default=None)

    def groups(self, name: str, *by: str, **labels: str) -> dict[tuple[str, ...], float]:
        """The sums of these samples for each combination of values of the labels `by`."""
        sums: dict[tuple[str, ...], float] = defaultdict(float)
        for found, value in self.where(name, **labels):
            sums[tuple(found.get(label, "") for label in by)] += value
        return dict(sums)

    def quantile(self, part: float, histogram: str, **labels: str) -> float | None:
        """The value below which `part` of what the histogram counted lies; None if it counted nothing.

        It is interpolated within a bucket, as Prometheus does. Beyond the last bound it is that bound.
        """
        buckets = self.groups(f"{histogram}_bucket", "le", **labels)
        return quantile(part, {float(bound): count for (bound,), count in buckets.items()})


def quantile(part: float, buckets: Mapping[float, float]) -> float | None:
    """The quantile of a histogram, of which `buckets` has the count up to each bound."""
    bounds = sorted(buckets)
    if not bounds or buckets[bounds[-1]] <= 0:
        return None
    wanted, below, lower = part * buckets[bounds[-1]], 0.0, 0.0
    for bound in bounds:
        count = buckets[bound]
        if count >= wanted and count > below:
            return (
                lower
                if bound == float("inf")
                else lower + (bound - lower) * (wanted - below) / (count - below)
            )
        below, lower = count, bound
    return lower


def levels(scrapes: Iterable[Scrape]) -> Numbers:
    """The present values of all processes."""
    found: dict[str, list[Sample]] = defaultdict(list)
    for scrape in scrapes:
        own = _own_labels(scrape)
        for name, samples in scrape.samples.items():
            found[name] += [({**labels, **own}, value) for labels, value in samples]
    return Numbers(found)


def rates(before: Sequence[Scrape], after: Sequence[Scrape]) -> Numbers:
    """The changes per second of what only rises. A process that was restarted counts from 0.

    One that did not answer at one of the times has no rates.
    """
    found: dict[str, list[Sample]] = defaultdict(list)
    earlier = {scrape.name: scrape for scrape in before}
    for scrape in after:
        last = earlier.get(scrape.name)
        if last is None or not last.samples or scrape.time <= last.time:
            continue
        own, seconds = _own_labels(scrape), scrape.time - last.time
        for name, labels, change in _changes(last, scrape):
            found[name].append(({**labels, **own}, change / seconds))
    return Numbers(found)


def _changes(last: Scrape, scrape: Scrape) -> Iterator[tuple[str, Mapping[str, str], float]]:
    same_process = last.value(_STARTED) == scrape.value(_STARTED)
    for name, samples in scrape.samples.items():
        if not name.endswith(_RISING):
            continue
        known = {_key(labels): value for labels, value in last.samples.get(name, ())} if same_process else {}
        for labels, value in samples:
            change = value - known.get(_key(labels), 0.0)
            yield name, labels, change if change >= 0 else value


def _key(labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


def _own_labels(scrape: Scrape) -> dict[str, str]:
    return {"process": scrape.name, "service": scrape.build.get("service", "")}
