"""A module for each benchmark, which has the name of the benchmark.

A module has `async def run(options: Options, folder: Path) -> list[Figure]`. The folder is empty, on disk,
and only for this benchmark.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Options:
    """The amount to measure."""

    # The number of alternated rounds, and the length of each load in seconds.
    rounds: int
    seconds: float
    # Segments in the long flow.
    segments: int
