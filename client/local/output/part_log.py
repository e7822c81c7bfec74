"""Handles the output of parts: all lines go to bounded files, warnings and errors to the terminal."""

import json
import re
import time
from pathlib import Path
from typing import Final

from client.local.output.bounded_file import BoundedFile
from client.local.output.request_log import RequestLog
from client.local.output.terminal import print_status

_TERMINAL_CHARACTERS: Final = 500
_SHOWN_LEVELS: Final = ("warning", "error", "critical")
# The fields that every record has.
_COMMON_FIELDS: Final = frozenset(
    {"time", "level", "service", "logger", "message", "request_id", "trace_id", "span_id", "exception"}
)
# A kind of line is shown once in this time; at most this many kinds are remembered.
_QUIET_SECONDS: Final = 30.0
_MAX_KINDS: Final = 100
_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]+)?")
_LEVEL_IN_TEXT: Final = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b")
# SeaweedFS begins a line with the level's letter and the date; its warnings do not concern users.
_STORAGE_ERROR: Final = re.compile(r"[EF]\d{4} ")


class Log:
    """The output of one part: writes every line to `path`, and warnings and errors to the terminal.

    Lines about requests go to `requests` instead.
    """

    def __init__(self, name: str, path: Path, requests: RequestLog | None = None) -> None:
        self.path = path
        self.last_message = ""
        # True if the part gave a reason for not starting.
        self.refused = False
        # True while the part waits for others to start; its warnings are not shown then.
        self.waiting = True
        self._name = name
        self._requests = requests
        self._file = BoundedFile(path)
        self._shown_at: dict[str, float] = {}

    def begin(self) -> None:
        """Note a start of the part."""
        self.last_message = ""
        self.refused = False
        self.waiting = True

    def add_line(self, line: str) -> None:
        """Handle a line of the part's output."""
        if not line or self._is_request(line):
            return
        self._file.add(line)
        level, message = parse(line)
        refusal = f"tams {self._name.partition('-')[0]}: "
        self.refused |= message.startswith(refusal)
        self.last_message = message.removeprefix(refusal)[:_TERMINAL_CHARACTERS]
        if level and not (self.waiting and level == "warning"):
            self._show(f"{self._name}: {level}: {message[:_TERMINAL_CHARACTERS]}")

    def _is_request(self, line: str) -> bool:
        # While parts start, they ask the gateway for its health many times.
        return self._requests is not None and self._requests.takes(line, hidden=self.waiting)

    def _show(self, line: str) -> None:
        """Print a line, unless a line that differs only in numbers was printed recently."""
        now, kind = time.monotonic(), _NUMBER.sub("#", line)
        if now - self._shown_at.get(kind, -_QUIET_SECONDS) < _QUIET_SECONDS:
            return
        self._shown_at[kind] = now
        if len(self._shown_at) > _MAX_KINDS:
            del self._shown_at[next(iter(self._shown_at))]
        print_status(line)

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        if self._requests is not None:
            self._requests.close()


def parse(line: str) -> tuple[str, str]:
    """The level of a log line, empty if it is not shown to users, and its message."""
    record = _record(line)
    if record is not None:
        level = str(record.get("level"))
        return level if level in _SHOWN_LEVELS else "", _message(record)
    if _STORAGE_ERROR.match(line):
        return "error", line
    match = _LEVEL_IN_TEXT.search(line)
    return match[1].lower() if match else "", line


def _message(record: dict[str, object]) -> str:
    extra = ", ".join(f"{name} {value}" for name, value in record.items() if name not in _COMMON_FIELDS)
    # The last line of a traceback has the error.
    last = str(record.get("exception", "")).strip().rpartition("\n")[2]
    return ": ".join(filter(None, (str(record.get("message", "")), extra, last)))


def _record(line: str) -> dict[str, object] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
