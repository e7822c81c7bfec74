"""The report: a table on stdout and a JSON file."""

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psutil

from bench.figure import Figure

RESULTS: Final = Path(__file__).parent / "results"
_MET: Final = {True: "yes", False: "NO", None: ""}


def machine() -> dict[str, object]:
    """The properties of the machine on which figures depend, without its name."""
    return {
        "cpu": _cpu_model(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": [round(value, 2) for value in os.getloadavg()],
    }


def table(figures: Iterable[Figure]) -> str:
    """The figures as a table of text."""
    rows = [("figure", "measured", "target", "met")]
    rows += [
        (figure.name, f"{figure.value:.4g} {figure.unit}", str(figure.target or ""), _MET[figure.met])
        for figure in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(_line(row, widths) for row in rows)


def write(figures: Sequence[Figure], about: Mapping[str, object], options: Mapping[str, object]) -> Path:
    """Write the figures with their details, the machine and the options to a new file; returns its path."""
    now = datetime.now(UTC)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y-%m-%dT%H%M%SZ}.json"
    content = {
        "time": now.isoformat(timespec="seconds"),
        "machine": about,
        "options": options,
        "figures": [_as_json(figure) for figure in figures],
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _as_json(figure: Figure) -> dict[str, object]:
    return {
        "name": figure.name,
        "value": figure.value,
        "unit": figure.unit,
        "target": str(figure.target) if figure.target else None,
        "met": figure.met,
        "detail": figure.detail,
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
