"""The memory and file descriptors of each part during a run."""

from dataclasses import dataclass, field
from typing import Final

import psutil

from tests.campaign.report import Report
from tests.support.processes.system import System

# Far above the needs of any part for this load. A part above them leaks.
MOST_MIB: Final = 1500
MOST_FDS: Final = 3000


@dataclass
class Use:
    """The MiB and descriptors of a part: the first, the last and the largest measurement."""

    first: tuple[int, int]
    last: tuple[int, int]
    most: tuple[int, int]


@dataclass
class Resources:
    """The resources that the parts of a system use."""

    system: System
    report: Report
    parts: dict[str, Use] = field(default_factory=dict)
    _reported: set[str] = field(default_factory=set)

    def measure(self) -> None:
        """Measure each part now."""
        for name, process in self.system.children().items():
            try:
                now = (process.memory_info().rss // 2**20, process.num_fds())
            except psutil.Error:
                continue
            use = self.parts.setdefault(name, Use(now, now, now))
            use.last, use.most = now, (max(use.most[0], now[0]), max(use.most[1], now[1]))
            if (now[0] > MOST_MIB or now[1] > MOST_FDS) and name not in self._reported:
                self._reported.add(name)
                self.report.find("resources", f"{name} uses {now[0]} MiB and {now[1]} descriptors")

    def table(self) -> str:
        """The measurements as a table in Markdown."""
        rows = [
            f"| {name} | {_pair(use.first)} | {_pair(use.most)} | {_pair(use.last)} |"
            for name, use in self.parts.items()
        ]
        return "\n".join(["| part | first | most | last |", "|---|---|---|---|", *rows])


def _pair(use: tuple[int, int]) -> str:
    return f"{use[0]} MiB, {use[1]} fds"
