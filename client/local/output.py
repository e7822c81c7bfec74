"""Where the children's words go: all to a bounded file each, what matters to the terminal as well."""

import contextlib
import json
import logging
import re
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final, TextIO

_FILE_BYTES: Final = 5 * 1024 * 1024
_TERMINAL_CHARACTERS: Final = 500
_LOUD: Final = ("warning", "error", "critical")
# What every record has; the rest is its own.
_USUAL: Final = frozenset({"time", "level", "service", "message", "request_id", "exception"})
_LOUD_TEXT: Final = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b")
# SeaweedFS begins a line with the level's letter and the date; its warnings are of its own affairs.
_LOUD_STORAGE: Final = re.compile(r"[EF]\d{4} ")


def announce(line: str) -> None:
    """Tell the user what they asked for, on standard output."""
    _tell(sys.stdout, line)


def say(line: str) -> None:
    """Tell the user how things go, on standard error."""
    _tell(sys.stderr, line)


def _tell(stream: TextIO, line: str) -> None:
    # A terminal that was closed is no reason to leave the store half stopped.
    with contextlib.suppress(OSError):
        stream.write(f"{line}\n")
        stream.flush()


class _BoundedFile(RotatingFileHandler):
    """Keeps at most two files of lines."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=_FILE_BYTES, backupCount=1, encoding="utf-8")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name in logging
        """Let go what a full disk cannot keep; the store goes on."""


class Log:
    """Hears one part: keeps every line in `path`, at most two files of it, and repeats loud ones."""

    def __init__(self, name: str, path: Path) -> None:
        self.path = path
        self.last_words = ""
        # While a part waits for others to come up, its warnings are no news.
        self.waiting = True
        self._name = name
        self._file = _BoundedFile(path)

    def hear(self, line: str) -> None:
        """Take a line of the part's output."""
        if not line:
            return
        self._file.emit(logging.makeLogRecord({"msg": line}))
        level, message = read(line)
        self.last_words = message.removeprefix(f"tams {self._name}: ")[:_TERMINAL_CHARACTERS]
        if level and not (self.waiting and level == "warning"):
            say(f"{self._name}: {level}: {message[:_TERMINAL_CHARACTERS]}")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read(line: str) -> tuple[str, str]:
    """The level of a log line, empty unless a user should see it, and its message."""
    record = _record(line)
    if record is not None:
        level = str(record.get("level"))
        return level if level in _LOUD else "", _message(record)
    if _LOUD_STORAGE.match(line):
        return "error", line
    match = _LOUD_TEXT.search(line)
    return match[1].lower() if match else "", line


def _message(record: dict[str, object]) -> str:
    extra = ", ".join(f"{name} {value}" for name, value in record.items() if name not in _USUAL)
    message = str(record.get("message", ""))
    return f"{message}: {extra}" if extra else message


def _record(line: str) -> dict[str, object] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
