"""Checks the pages of a database file for damage."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event
from typing import Final

from services.metadata.adapters.sqlite.file.connection import open_reader
from services.metadata.application.ports.administration import Damage

# Instructions of SQLite's virtual machine between two looks at the clock; they take about a millisecond.
_INSTRUCTIONS: Final = 50_000
_MAX_MESSAGES: Final = 20
_NO_LIMIT: Final = 2**31 - 1
# SQLite 3.40.0 to 3.41.0 reports this for good rows if the columns of the primary key have another order than
# those of the table. A NULL in such a column would not be damage of a page.
_FALSE_ALARM: Final = "NULL value in "


def find_damage(path: Path, seconds: float, stop: Event | None = None) -> Damage:
    """Check the pages for up to `seconds`, or until `stop` is set, on a connection of its own."""
    stop = stop or Event()
    with closing(open_reader(path)) as connection, _time_limit(connection, seconds, stop) as interrupted:
        messages: list[str] = []
        try:
            for (message,) in connection.execute(f"PRAGMA quick_check({_NO_LIMIT})"):
                if message != "ok" and not message.startswith(_FALSE_ALARM):
                    messages.append(message)
                if len(messages) == _MAX_MESSAGES:
                    return Damage(messages, complete=False)
        except sqlite3.DatabaseError as error:
            return Damage(messages if interrupted.is_set() else [*messages, str(error)], complete=False)
    return Damage(messages, complete=True)


@contextmanager
def _time_limit(connection: sqlite3.Connection, seconds: float, stop: Event) -> Iterator[Event]:
    """Interrupt the statements of the connection after `seconds`, or when `stop` is set.

    Yields an event that is set when a statement is interrupted.
    """
    deadline = time.monotonic() + seconds
    interrupted = Event()

    def is_over() -> bool:
        if stop.is_set() or time.monotonic() > deadline:
            interrupted.set()
        return interrupted.is_set()

    connection.set_progress_handler(is_over, _INSTRUCTIONS)
    yield interrupted
