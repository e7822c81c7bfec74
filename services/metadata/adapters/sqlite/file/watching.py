"""Watches the database file in the background: whether it is in place, and whether there is space again."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Final, Protocol, TypeVar

from services.metadata.adapters.sqlite.file.damage import find_damage
from services.metadata.adapters.sqlite.file.database import Database
from services.metadata.adapters.sqlite.file.faults import GONE, test_disk
from services.metadata.adapters.sqlite.file.refusal import Refusal
from services.shared.errors import TamsError, Unavailable
from services.shared.process.background import background

T = TypeVar("T")

_PAUSE_SECONDS: Final = 1.0
# Time for the check after an interruption. `tams doctor` can check the rest.
_CHECK_SECONDS: Final = 60.0
# A disk with less free space is nearly full.
_ROOM_BYTES: Final = 256 * 1024
_log = logging.getLogger(__name__)


class WatchedStore(Protocol):
    """A store on a database file."""

    path: Path
    database: Database
    refusal: Refusal

    async def alter(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """The result of a change, after its commit."""
        ...


async def watch(store: WatchedStore) -> None:
    """Watch until cancelled. First check the file for damage, if the previous process was interrupted."""
    checks = (_check_pages(store.path),) if store.database.interrupted else ()
    async with background(*checks):
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            await _check(store)


async def _check(store: WatchedStore) -> None:
    if not store.database.in_place():
        summary = f"the database {store.path} or its log was removed or replaced while in use"
        store.refusal.note(Unavailable(f"{summary}; put it back, or restart", reason=GONE))
    elif store.refusal.error is not None or _is_nearly_full(store.database):
        await _look_for_room(store)


async def _look_for_room(store: WatchedStore) -> None:
    """Note the refusal if there is no room, else lift it."""
    if store.refusal.error is not None and store.refusal.error.reason == GONE:
        store.refusal.lift()  # The files are back, and no write is tried before this is known.
    try:
        await store.alter(lambda connection: _test_room(connection, store.path))
    except TamsError as error:
        store.refusal.note(error)
    else:
        store.refusal.lift()


def _is_nearly_full(database: Database) -> bool:
    free = database.free_on_disk()
    return free is not None and free < _ROOM_BYTES


def _test_room(connection: sqlite3.Connection, path: Path) -> None:
    """Unavailable if the disk has no room; SQLITE_FULL if the file may not grow.

    The room is given back before anyone else writes, so that no other write is refused for this test.
    """
    problem = test_disk(path, _ROOM_BYTES)
    if problem is not None:
        reason, summary = problem
        raise Unavailable(summary, reason=reason)
    connection.execute("UPDATE store SET room = zeroblob(?)", (_ROOM_BYTES,))
    connection.execute("UPDATE store SET room = NULL")


async def _check_pages(path: Path) -> None:
    """Log damage of the pages. A killed process leaves none, but a machine that stops may."""
    stop = Event()
    try:
        damage = await asyncio.to_thread(find_damage, path, _CHECK_SECONDS, stop)
    except sqlite3.Error as error:
        _log.warning("cannot check the database for damage", extra={"reason": str(error)})
        return
    finally:
        stop.set()
    for message in damage.found:
        _log.error("the database is damaged", extra={"found": message})
    extra = {"found": len(damage.found), "complete": damage.complete}
    _log.info("checked the database for damage", extra=extra)
