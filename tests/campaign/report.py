"""The figures and findings of a run, and their text."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

Outcome = Literal["done", "refused", "unknown"]
_SHOWN: Final = 40


@dataclass(frozen=True)
class Finding:
    """A fault of the store, with the last operations of the world that found it."""

    subject: str
    text: str
    history: Sequence[str] = ()

    def __str__(self) -> str:
        """The finding as it is printed."""
        lines = [f"FINDING {self.subject}: {self.text}", *(f"    {line}" for line in self.history)]
        return "\n".join(lines)


@dataclass
class Report:
    """Counts operations by kind and outcome, and keeps findings."""

    seed: int
    write: Callable[[str], object] = print
    began: float = field(default_factory=time.monotonic)
    operations: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    # Other figures for the summary, such as the number of compared events.
    figures: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def find(self, subject: str, text: str, history: Iterable[str] = ()) -> None:
        """Keep a finding, and print it at once."""
        finding = Finding(subject, text, list(history))
        self.findings.append(finding)
        self.write(f"[{self.age():6.0f} s, seed {self.seed}] {finding}")

    def note(self, text: str) -> None:
        """Print a note, which the summary repeats."""
        self.notes.append(text)
        self.write(f"[{self.age():6.0f} s] {text}")

    def age(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.began

    def total(self, outcome: Outcome | None = None) -> int:
        """The operations so far, or those of one outcome."""
        return sum(count for (_, other), count in self.operations.items() if outcome in (None, other))

    def acknowledged_writes(self) -> int:
        """The changes that the store confirmed."""
        return sum(
            count
            for (kind, outcome), count in self.operations.items()
            if outcome == "done" and kind.partition(" ")[0] in {"PUT", "POST", "DELETE"}
        )

    def progress(self) -> str:
        """The progress of the run in one line."""
        return (
            f"[{self.age():6.0f} s] {self.total()} operations: {self.total('done')} done, "
            f"{self.total('refused')} refused, {self.total('unknown')} unknown; "
            f"{sum(self.faults.values())} faults ({_counts(self.faults)}); {len(self.findings)} findings"
        )

    def summary(self) -> str:
        """The figures of the whole run, as lines of Markdown."""
        rows = {
            "seed": str(self.seed),
            "minutes": f"{self.age() / 60:.1f}",
            "operations": str(self.total()),
            "acknowledged writes": str(self.acknowledged_writes()),
            "refused": str(self.total("refused")),
            "unknown outcomes": str(self.total("unknown")),
            "faults": f"{sum(self.faults.values())} ({_counts(self.faults)})",
            **{name: str(count) for name, count in sorted(self.figures.items())},
            "findings": str(len(self.findings)),
        }
        table = [
            "| figure | value |",
            "|---|---|",
            *(f"| {name} | {value} |" for name, value in rows.items()),
        ]
        kinds = sorted({kind for kind, _ in self.operations})
        lines = [f"  {kind:<34} {_outcomes(self.operations, kind)}" for kind in kinds]
        findings = [f"{finding.subject}: {finding.text}"[:300] for finding in self.findings[:_SHOWN]]
        return "\n".join(["", *table, "", self._row(), "", "Operations:", *lines, "", *self.notes, *findings])

    def _row(self) -> str:
        """The run as a row of the table in docs/robustness.md."""
        cells = [
            self.seed,
            f"{self.age() / 60:.0f}",
            f"{self.total():,}",
            f"{self.acknowledged_writes():,}",
            f"{sum(self.faults.values())} ({_counts(self.faults)})",
            f"{self.total('unknown'):,}",
            len(self.findings),
        ]
        return f"| {' | '.join(map(str, cells))} |"


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()))


def _outcomes(operations: Counter[tuple[str, Outcome]], kind: str) -> str:
    outcomes: tuple[Outcome, ...] = ("done", "refused", "unknown")
    return "  ".join(f"{outcome} {operations[kind, outcome]:>6}" for outcome in outcomes)
