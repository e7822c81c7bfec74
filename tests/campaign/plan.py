"""The plan of a run of the campaign."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# The names of the faults for `--faults`.
FAULTS: Final = (
    "kill", "kill-runner", "stall", "disk", "network", "silent", "slow-readers", "dead-webhooks",
)  # fmt: skip
# Additional faults of the database, with the tables on VAST.
DATABASE_FAULTS: Final = ("endpoints", "database", "lost-commits", "restart")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The settings of a run, which ends after `minutes` or `operations`, whichever comes first."""

    seed: int
    folder: Path
    minutes: float = 5.0
    operations: int = 10**9
    faults: tuple[str, ...] = FAULTS
    # The average of the seconds between two faults.
    fault_seconds: float = 10.0
    # Minutes between two complete comparisons.
    check_minutes: float = 3.0
    workers: int = 6
    # Worlds of flows, sources and objects that one worker at a time changes.
    worlds: int = 10
    disk_mib: int = 768
    engine: str = "sqlite"
    # Metadata processes, with the tables on VAST.
    metadata: int = 1

    def random(self, *names: object) -> random.Random:
        """The random numbers of one part of the run; the same for the same seed and names."""
        return random.Random("/".join(map(str, (self.seed, *names))))

    def line(self) -> str:
        """The settings in one line."""
        return (
            f"seed {self.seed}, {self.engine}, {self.metadata} metadata, "
            f"{self.minutes:g} minutes, {self.workers} workers, {self.worlds} worlds, "
            f"a fault each {self.fault_seconds:g} s, faults {','.join(self.faults) or 'none'}"
        )
