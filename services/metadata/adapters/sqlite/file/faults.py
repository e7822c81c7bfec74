"""Translates errors of SQLite to errors of the store, with summaries that name the cause on the disk."""

import errno
import os
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec

from services.shared.errors import DataDamaged, TamsError, Unavailable

FULL: Final = "STORAGE_FULL"
READ_ONLY: Final = "STORAGE_READ_ONLY"
FAILED: Final = "STORAGE_FAILED"
GONE: Final = "DATABASE_GONE"
# Reasons for which no write can succeed at present, though reads may.
REFUSALS: Final = frozenset({FULL, READ_ONLY, FAILED, GONE})

DISK_FULL: Final = "the disk of the database is full"
_READ_ONLY: Final = "the database cannot be written"
# The low byte of an extended error code is its primary code.
_PRIMARY: Final = 0xFF
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_NOT_WRITABLE: Final = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})
_BY_ERRNO: Final = {
    errno.ENOSPC: (FULL, DISK_FULL),
    errno.EDQUOT: (FULL, f"{DISK_FULL}: the quota is used up"),
    errno.EROFS: (READ_ONLY, f"{_READ_ONLY}: its file system is read-only"),
    errno.EACCES: (READ_ONLY, f"{_READ_ONLY}: permission denied"),
    errno.EPERM: (READ_ONLY, f"{_READ_ONLY}: operation not permitted"),
    errno.ENOENT: (GONE, "the folder of the database is gone"),
    errno.EIO: (FAILED, "the disk of the database fails: input/output error"),
}
# As much as SQLite may need at once for its shared memory.
_TEST_BYTES: Final = 64 * 1024
_TEST_INTERVAL_SECONDS: Final = 1.0
# A reason and a summary.
_Problem = tuple[str, str]
# The time and the result of the last test write on a disk.
_last_tests: Final[dict[Path, tuple[float, _Problem | None]]] = {}


def engine_fault(error: BaseException, path: Path | None, max_bytes: int = 0) -> TamsError | None:
    """The error for callers after an error of a statement; None if SQLite did not cause it.

    To find the cause, the disk of `path` is tested by a write. `path` is None for a read, which must not wait
    for that. `max_bytes` is the limit of the database file; 0 for the whole disk.
    """
    if isinstance(error, msgspec.DecodeError | UnicodeDecodeError):
        return DataDamaged(f"stored data cannot be decoded: {error}")
    if not isinstance(error, sqlite3.DatabaseError) or isinstance(
        error, sqlite3.ProgrammingError | sqlite3.IntegrityError
    ):
        return None
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        # Python raises it for a text that is not UTF-8.
        return DataDamaged("stored data cannot be decoded") if "decode" in str(error) else _other_fault(error)
    if code == sqlite3.SQLITE_FULL:
        return Unavailable(_full_summary(path, max_bytes), reason=FULL)
    return _fault_of_code(code & _PRIMARY, error, path)


def _fault_of_code(code: int, error: sqlite3.DatabaseError, path: Path | None) -> TamsError:
    if code in _DAMAGED:
        return DataDamaged(f"the database is damaged: {error}")
    if code == sqlite3.SQLITE_IOERR or code in _NOT_WRITABLE:
        reason, summary = _disk_problem(path) or _unexplained_problem(code, error)
        return Unavailable(summary, reason=reason)
    return _other_fault(error)


def _full_summary(path: Path | None, max_bytes: int) -> str:
    problem = _disk_problem(path)
    if problem is not None:
        return problem[1]
    return f"the database has reached its limit of {max_bytes} bytes" if max_bytes else DISK_FULL


def _unexplained_problem(code: int, error: sqlite3.DatabaseError) -> _Problem:
    if code in _NOT_WRITABLE:
        return READ_ONLY, f"{_READ_ONLY}: {error}"
    return FAILED, f"the disk of the database fails: {error}"


def _other_fault(error: Exception) -> TamsError:
    return Unavailable(f"the database failed: {error}", reason="STORE_UNAVAILABLE")


def system_problem(error: OSError) -> _Problem:
    """The reason and summary for a system error at the database's files."""
    problem = _BY_ERRNO.get(error.errno or 0)
    return problem or (FAILED, f"the disk of the database fails: {error.strerror}")


def _disk_problem(path: Path | None) -> _Problem | None:
    """The problem of the disk, which SQLite does not report in detail; None if a test write succeeds.

    The disk is tested once a second at most.
    """
    if path is None:
        return None
    now = time.monotonic()
    tested_at, problem = _last_tests.get(path, (now - _TEST_INTERVAL_SECONDS, None))
    if now - tested_at >= _TEST_INTERVAL_SECONDS:
        problem = test_disk(path, _TEST_BYTES)
        _last_tests.clear()  # A process has only one database.
        _last_tests[path] = time.monotonic(), problem
    return problem


def test_disk(path: Path, size: int) -> _Problem | None:
    """The reason and summary if `size` bytes cannot be written beside the database; None if they can."""
    # The file itself is not opened: closing it would release all locks that this process has on it.
    if path.exists() and not os.access(path, os.W_OK):
        return READ_ONLY, f"{_READ_ONLY}: no permission to write {path}"
    try:
        with tempfile.TemporaryFile(dir=path.parent) as file:
            file.write(os.urandom(size))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return system_problem(error)
    return None
