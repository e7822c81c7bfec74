"""One module for each benchmark, found by its name.

A module has `async def run(options: Options, folder: Path) -> list[Figure]`. The folder is its own, empty
and on disk.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Options:
    """How much to measure."""

    # Alternated rounds, and the length of each load in seconds.
    rounds: int
    seconds: float
    # Segments in the long flow.
    segments: int
