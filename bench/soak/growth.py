"""Judges from samples whether the memory of a process grows, or whether a cache with a bound fills."""

from collections.abc import Sequence
from statistics import median
from typing import Final, NamedTuple

from bench.soak.samples import Sample
from services.metadata.adapters.sqlite.file.connection import CACHE_MIB

# Caches that fill for hours, in MiB by process: the writer of SQLite keeps the pages that it changes.
_CACHES: Final = {"metadata": CACHE_MIB}
# SQLite keeps some bytes beside each page.
_BESIDE: Final = 1.05
# The last third of the samples may have so much more than the middle third, by chance.
_FLAT: Final = 1.05


class Growth(NamedTuple):
    """The memory of a process in MiB: at first, and the medians of the middle and the last third."""

    name: str
    first: float
    middle: float
    last: float

    @property
    def verdict(self) -> str:
        """Whether the memory is flat, or fills a cache that has a bound, or grows."""
        if self.last <= _FLAT * self.middle:
            return "flat"
        cache = _CACHES.get(self.name, 0)
        if self.last - self.first <= _BESIDE * cache:
            return f"within its cache of {cache} MiB"
        return "GROWS"


def growth(samples: Sequence[Sample], name: str) -> Growth:
    """The growth of a process. The first third is left out of the comparison: caches fill quickly then."""
    third = len(samples) // 3
    sizes = [sample.memory[name] for sample in samples]
    middle, last = sizes[third : 2 * third] or sizes, sizes[2 * third :]
    return Growth(name, sizes[0], median(middle), median(last))
