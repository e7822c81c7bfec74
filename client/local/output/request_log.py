"""The access log of a local store: each request goes to a bounded file and, readable, to a terminal."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from client.local.output.bounded_file import BoundedFile

# A terminal shows this many requests of a second. Others are counted.
MAX_LINES: Final = 20
_MARK: Final = '"message": "served"'


class RequestLog:
    """Takes the gateway's lines about requests; `show` writes a line for people, None writes none."""

    def __init__(
        self, path: Path, show: Callable[[str], None] | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._file = BoundedFile(path)
        self._path = path
        self._show = show
        self._clock = clock
        self._second = 0
        self._shown = 0
        self._left_out = 0

    def takes(self, line: str, *, hidden: bool = False) -> bool:
        """True if the line is about a request, and was handled. A hidden one goes to the file alone."""
        # Within a text of JSON the quotes would be escaped.
        if _MARK not in line:
            return False
        self._file.add(line)
        if self._show is not None and not hidden:
            self._show_some(line, self._show)
        return True

    def _show_some(self, line: str, show: Callable[[str], None]) -> None:
        second = int(self._clock())
        if second != self._second:
            if self._left_out:
                show(f"… and {self._left_out} more requests; {self._path} has them")
            self._second, self._shown, self._left_out = second, 0, 0
        if self._shown < MAX_LINES and (shown := readable(line)):
            self._shown += 1
            show(shown)
        else:
            self._left_out += 1

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def readable(line: str) -> str:
    """A request as one line for people; empty if it is not written as expected."""
    try:
        record = json.loads(line)
        local = datetime.fromisoformat(record["time"]).astimezone().strftime("%H:%M:%S")
        path = "".join(character if character.isprintable() else "?" for character in record["path"])
        return (
            f"{local}  {record['status']}  {record['ms']:>8.1f} ms  {record['bytes']:>9} B"
            f"  {record['method']} {path}"
        )
    except (ValueError, KeyError, TypeError):
        return ""
