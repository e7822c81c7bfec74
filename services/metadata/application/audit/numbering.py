"""Gives new entries of the audit log their numbers, on engines where a change only inserts its entries."""

from typing import Final

from services.metadata.application.ports import Slow, Store

# Entries that one transaction numbers.
SLICE: Final = 5000


class Numbering:
    """Numbers entries. Several processes may do so at the same time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def step(self) -> bool:
        """Number a slice of the entries that wait; True if there may be more."""
        has_new = await self._store.read(lambda tables: tables.audit.has_new())
        return has_new and await self._number()

    async def finish(self) -> None:
        """Number all entries whose changes are committed."""
        while await self._store.scan(lambda tables: tables.audit.has_new(fresh=True)):
            if not await self._number():
                return

    async def _number(self) -> bool:
        return await self._store.write(Slow(lambda tables: tables.audit.number(SLICE))) >= SLICE
