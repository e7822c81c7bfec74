"""Snapshot transactions. The first writer of a row wins. A commit repeats the changes on the latest state."""

import secrets
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from simulators.vast.http.refusals import Refusal, conflict, not_found
from simulators.vast.tables.catalog import Catalog
from simulators.vast.tables.segments import RowIds

IDLE_SECONDS = 600.0

Change = Callable[[Catalog], None]


@dataclass(eq=False)
class RowWrite:
    """Rows of a table that a transaction updated or deleted. They get a number at the commit."""

    handle: int
    ids: RowIds
    owner: int
    sequence: int | None = None


@dataclass(eq=False)
class Transaction:
    """The snapshot of a transaction, and its changes."""

    txid: int
    base: Catalog
    sequence: int
    view: Catalog
    changes: list[Change] = field(default_factory=list)
    claims: set[Hashable] = field(default_factory=set)
    used_at: float = field(default_factory=time.monotonic)

    def apply(self, change: Change) -> None:
        """Changes the snapshot. If the change raises, the snapshot stays as it was."""
        view = self.view.copy()
        change(view)
        self.view = view
        self.changes.append(change)


RowConflicts: TypeAlias = Literal["statement", "commit", "unnoticed"]
Reads: TypeAlias = Literal["begin", "latest"]
MissingRows: TypeAlias = Literal["ignored", "refused"]


def _shares(some: RowIds, others: RowIds) -> bool:
    return bool(np.intersect1d(some, others).size)


class Transactions:
    """The committed state and every open transaction. Used by one thread only."""

    def __init__(self) -> None:
        self.committed = Catalog()
        self._sequence = 0
        self._open: dict[int, Transaction] = {}
        self._next_txid = secrets.randbits(40) << 16
        self._claimed: dict[Hashable, int] = {}
        self._changed: dict[Hashable, int] = {}
        self._row_writes: dict[int, list[RowWrite]] = {}
        # VAST does not document these: when it refuses conflicting writes, how it treats updates and
        # deletions of missing rows, which state a transaction that wrote nothing reads, and how long a
        # transaction may be idle.
        self.row_conflicts: RowConflicts = "statement"
        self.missing_rows: MissingRows = "ignored"
        self.reads: Reads = "begin"
        self.idle_seconds = IDLE_SECONDS

    def begin(self) -> Transaction:
        """Opens a transaction on the committed state."""
        self._end_idle()
        self._next_txid += 1
        tx = Transaction(self._next_txid, self.committed, self._sequence, self.committed)
        self._open[tx.txid] = tx
        return tx

    def get(self, txid: int) -> Transaction:
        """Returns an open transaction, and restarts its idle time; raises Refusal (404)."""
        self._end_idle()
        tx = self._open.get(txid)
        if tx is None:
            raise not_found("TabularNoSuchTransaction", f"Transaction {txid} is not open")
        tx.used_at = time.monotonic()
        if self.reads == "latest" and not tx.changes:
            tx.base = tx.view = self.committed
        return tx

    @contextmanager
    def within(self, txid: int) -> Iterator[Transaction]:
        """Yields the open transaction, or for 0 one that ends with the block."""
        if txid:
            yield self.get(txid)
            return
        tx = self.begin()
        try:
            yield tx
        except BaseException:
            self.rollback(tx)
            raise
        self.commit(tx)

    def commit(self, tx: Transaction) -> None:
        """Commits the changes; raises Refusal (409) without any change."""
        if self.row_conflicts == "commit" and any(map(self._came_later, self._writes_of(tx))):
            self.rollback(tx)
            raise conflict("Another transaction changed the same rows")
        merged = tx.view if self.committed is tx.base else self._replayed(tx)
        if tx.changes:
            self._sequence += 1
            self.committed = merged
        self._changed.update(dict.fromkeys(tx.claims, self._sequence))
        for write in self._writes_of(tx):
            write.sequence = self._sequence
        self._close(tx)

    def rollback(self, tx: Transaction) -> None:
        """Drops all changes of the transaction."""
        for write in self._writes_of(tx):
            self._row_writes[write.handle].remove(write)
        self._close(tx)

    def number_from(self, txid: int) -> None:
        """Sets the number of the next transaction. Later ones get the numbers that follow."""
        self._next_txid = txid - 1

    def open_count(self) -> int:
        """Returns the number of open transactions."""
        self._end_idle()
        return len(self._open)

    def forget_all(self) -> None:
        """Rolls back all open transactions, as a restart does."""
        for tx in list(self._open.values()):
            self.rollback(tx)

    def claim(self, tx: Transaction, *names: Hashable) -> None:
        """Reserves names or definitions for one writer; raises Refusal (409) when another was first."""
        for name in names:
            if self._claimed.get(name, tx.txid) != tx.txid or self._changed.get(name, 0) > tx.sequence:
                raise conflict("Another transaction changes the same")
        for name in names:
            self._claimed[name] = tx.txid
            tx.claims.add(name)

    def claim_rows(self, tx: Transaction, handle: int, ids: RowIds) -> None:
        """Reserves rows for one writer; raises Refusal (409) when another was first."""
        writes = self._row_writes.setdefault(handle, [])
        for write in writes:
            if write.owner == tx.txid or (write.sequence is not None and write.sequence <= tx.sequence):
                continue
            if self.row_conflicts == "statement" and _shares(write.ids, ids):
                raise conflict("Another transaction changes the same rows")
        writes.append(RowWrite(handle, ids, tx.txid))

    def _end_idle(self) -> None:
        oldest = time.monotonic() - self.idle_seconds
        for idle in [tx for tx in self._open.values() if tx.used_at < oldest]:
            self.rollback(idle)

    def _came_later(self, write: RowWrite) -> bool:
        """True if a change of these rows was committed after this transaction began."""
        began = self._open[write.owner].sequence
        return any(
            other.sequence is not None and other.sequence > began and _shares(other.ids, write.ids)
            for other in self._row_writes[write.handle]
            if other.owner != write.owner
        )

    def _replayed(self, tx: Transaction) -> Catalog:
        merged = self.committed.copy()
        try:
            for change in tx.changes:
                change(merged)
        except Refusal as error:
            self.rollback(tx)
            raise conflict(f"The transaction no longer fits what others committed: {error}") from error
        return merged

    def _writes_of(self, tx: Transaction) -> list[RowWrite]:
        return [write for writes in self._row_writes.values() for write in writes if write.owner == tx.txid]

    def _close(self, tx: Transaction) -> None:
        """Ends a transaction, and drops records of changes that no open transaction can conflict with."""
        del self._open[tx.txid]
        for name in tx.claims:
            del self._claimed[name]
        oldest = min((other.sequence for other in self._open.values()), default=self._sequence)
        self._changed = {name: sequence for name, sequence in self._changed.items() if sequence > oldest}
        for handle, writes in list(self._row_writes.items()):
            kept = [write for write in writes if write.sequence is None or write.sequence > oldest]
            if kept:
                self._row_writes[handle] = kept
            else:
                del self._row_writes[handle]
