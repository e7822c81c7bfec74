"""A file of lines that does not grow without end."""

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

_FILE_BYTES: Final = 5 * 1024 * 1024


class BoundedFile(RotatingFileHandler):
    """Writes lines to at most two files."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=_FILE_BYTES, backupCount=1, encoding="utf-8")

    def add(self, line: str) -> None:
        """Write a line."""
        self.emit(logging.makeLogRecord({"msg": line}))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name in logging
        """Drop the line if the disk is full; the store continues."""
