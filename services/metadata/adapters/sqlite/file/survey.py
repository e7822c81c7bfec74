"""Checks the files of a database before it is opened for writing, without changing them.

A store that lost data must not start empty. Each error is one line that names the ways out.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from services.metadata.adapters.sqlite.file.connection import open_reader
from services.metadata.adapters.sqlite.file.marker import Marker, boot_id, marker_path, read_marker
from services.shared.errors import StartupError


class Identity(NamedTuple):
    """The id of the store in a database, and the number of commits."""

    store: str
    commits: int


def log_path(database: Path) -> Path:
    """The write-ahead log, which has the last commits until SQLite moves them into the database."""
    return database.with_name(f"{database.name}-wal")


def find_marker(path: Path) -> Marker | None:
    """The marker of a database; None if there is no marker. StartupError if the database itself is missing.

    A marker that cannot be read counts as an empty one if the database is there.
    """
    marker_file = marker_path(path)
    try:
        marker = read_marker(marker_file)
    except (OSError, ValueError) as error:
        marker = Marker("") if _size(path) else None
        if marker is None:
            raise StartupError(
                f"cannot read {marker_file}: {error}; {_ways_out(path, marker_file)}"
            ) from None
    if _size(path):
        return marker
    state = "empty" if path.exists() else "missing"
    if marker is not None:
        raise StartupError(
            f"the database {path} is {state}, though {marker_file} exists; {_ways_out(path, marker_file)}"
        )
    log = log_path(path)
    if _size(log):
        raise StartupError(f"the database {path} is {state}, though its log exists; {_ways_out(path, log)}")
    return None


def read_identity(path: Path) -> Identity | None:
    """The identity in the database; None for a new database, or one of a version without markers."""
    with closing(open_reader(path)) as connection:
        try:
            row = connection.execute("SELECT id, commits FROM store").fetchone()
        except sqlite3.OperationalError as error:
            if "no such" in str(error):
                return None
            raise
    return Identity(*row) if row else None


def check_identity(path: Path, marker: Marker, identity: Identity | None) -> None:
    """StartupError if the database has another id than the marker, or fewer commits."""
    if not marker.store:
        return
    marker_file = marker_path(path)
    if identity is None or identity.store != marker.store:
        raise StartupError(
            f"the database {path} is not the one that {marker_file} belongs to; put that one back,"
            f" or remove {marker_file} to continue with this one"
        )
    missing = marker.commits - identity.commits
    # If commits are not flushed, the last ones may be lost when the machine stops.
    if missing <= 0 or (not marker.flushed and marker.boot != boot_id()):
        return
    log = log_path(path)
    is_log_lost = not marker.stopped and not _size(log)
    cause = f"its log {log} is missing" if is_log_lost else "it is an older copy, or its log was cut short"
    raise StartupError(
        f"the database {path} lacks its last {missing} commits: {cause}; restore the missing file,"
        f" or remove {marker_file} to continue without them"
    )


def _ways_out(path: Path, file: Path) -> str:
    return f"restore {path.name} from a backup, or remove {file} to start with an empty store"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
