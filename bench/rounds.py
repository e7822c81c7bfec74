"""Alternated rounds: the sides of a comparison take turns, so that a slow minute affects all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self

from bench import load
from bench.load import Outcome, Plan
from bench.running.processes import Process, cpu_seconds


@dataclass(frozen=True)
class Side:
    """One side of a comparison: the load of each round, and the processes that serve it.

    `items` is the number of items, such as segments, in a request. Rates and CPU are those of items.
    """

    plan: Callable[[], Plan]
    processes: Sequence[Process] = ()
    items: int = 1

    @classmethod
    def of(cls, plan: Plan, processes: Sequence[Process]) -> Self:
        """A side whose load is the same in each round."""
        return cls(lambda: plan, processes)


@dataclass(frozen=True)
class Sample:
    """A round of one side. `cpu_us` is CPU microseconds per item, by process."""

    outcome: Outcome
    rate: float
    cpu_us: Mapping[str, float]


@dataclass(frozen=True)
class Series:
    """All rounds of one side."""

    samples: Sequence[Sample]

    @property
    def rate(self) -> float:
        """The median of the items per second."""
        return median(sample.rate for sample in self.samples)

    @property
    def p50_ms(self) -> float:
        """The median of the median request times of the rounds, in ms."""
        return median(sample.outcome.p50_ms for sample in self.samples)

    @property
    def cpu_us(self) -> dict[str, float]:
        """The median of the CPU microseconds per item, by process."""
        names = self.samples[0].cpu_us
        return {name: median(sample.cpu_us[name] for sample in self.samples) for name in names}

    def detail(self) -> dict[str, object]:
        """The medians, and the rates of the slowest and fastest round."""
        rates = [sample.rate for sample in self.samples]
        return {
            "per_second": round(self.rate, 1),
            "slowest_round": round(min(rates), 1),
            "fastest_round": round(max(rates), 1),
            "p50_ms": round(self.p50_ms, 3),
            "p99_ms": round(median(sample.outcome.p99_ms for sample in self.samples), 3),
            "cpu_us": {name: round(value, 1) for name, value in self.cpu_us.items()},
        }


async def alternate(rounds: int, sides: Mapping[str, Side]) -> dict[str, Series]:
    """Run every side once in each round, after a warm-up round that does not count."""
    samples: dict[str, list[Sample]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, side in sides.items():
            sample = await _run(side)
            if number:
                samples[name].append(sample)
    return {name: Series(side_samples) for name, side_samples in samples.items()}


def ratio(
    over: Series, under: Series, value: Callable[[Sample], float] = lambda sample: sample.rate
) -> float:
    """The median of the quotients of two sides' values in the same round."""
    pairs = zip(over.samples, under.samples, strict=True)
    return median(value(numerator) / value(denominator) for numerator, denominator in pairs)


async def _run(side: Side) -> Sample:
    plan = side.plan()
    before = cpu_seconds(side.processes)
    outcome = await load.run(plan)
    after = cpu_seconds(side.processes)
    items = outcome.replies * side.items
    cpu_us = {name: (after[name] - before[name]) / items * 1e6 for name in before}
    return Sample(outcome, items / outcome.seconds, cpu_us)
