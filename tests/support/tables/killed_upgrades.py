"""Upgrades a copy of a database again and again; each time the process is killed at another statement.

Run as `python -m tests.support.tables.killed_upgrades DATABASE FOLDER`. FOLDER gets a database for each
process that was killed, as it was left, and at last one that is upgraded.
"""

import os
import shutil
import signal
import sqlite3
import sys
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from services.metadata.adapters.sqlite.file.connection import open_writer


def upgrade(path: Path, killed_at: int) -> None:
    """Upgrade a database. The process ends before the statement with the number `killed_at`."""
    statements = count(1)

    def note(_statement: str) -> None:
        if next(statements) == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def connect(unwatched: Any, *arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = unwatched(*arguments, **options)
        connection.set_trace_callback(note)
        return connection

    sqlite3.connect = partial(connect, sqlite3.connect)  # type: ignore[assignment]
    open_writer(path, "FULL").close()


def is_killed(path: Path, killed_at: int) -> bool:
    """True if a process of its own was killed while it upgraded the database."""
    child = os.fork()
    if child == 0:
        upgrade(path, killed_at)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def main(database: Path, folder: Path) -> None:
    """Run upgrades until one is not killed."""
    for number in count(1):
        path = folder / f"{number:04}.db"
        shutil.copyfile(database, path)
        if not is_killed(path, number):
            return


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
