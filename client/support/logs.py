"""The last lines of the logs of a local store."""

from pathlib import Path
from typing import Final

MAX_BYTES: Final = 512 * 1024
_MAX_LOGS: Final = 50


def last_lines(folder: Path) -> dict[str, str]:
    """The end of each log by name, as whole lines and at most MAX_BYTES of each. OSError."""
    paths = sorted(path for path in folder.glob("*.log") if path.is_file())
    return {path.name: _end(path) for path in paths[:_MAX_LOGS]}


def _end(path: Path) -> str:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - MAX_BYTES))
        data = file.read(MAX_BYTES)
    # A log that is longer begins within a line.
    return (data.partition(b"\n")[2] if size > MAX_BYTES else data).decode(errors="replace")
