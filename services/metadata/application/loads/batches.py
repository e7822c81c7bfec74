"""Batches of bulk loads: reading and inserting their rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec

from services.metadata.application.audit.recording import record
from services.metadata.application.clock import Moment
from services.metadata.application.loads.kinds import IndexedRow, Inserted, RowKind
from services.metadata.application.ports import Tables
from services.metadata.application.segments.registration import Failure
from services.metadata.domain.audit import Facts
from services.metadata.domain.documents.jsons import check_list, list_items
from services.metadata.domain.load import Keys, Load, State
from services.shared.errors import FailedPrecondition, InvalidArgument, NotFound, TamsError

R = TypeVar("R")

MAX_ROWS: Final = 100_000
encode_keys: Final = msgspec.msgpack.Encoder().encode


class Batch(NamedTuple):
    """Rows of a load as a JSON list. `first_row` is the index of the first one in the load's input.

    With `skip_bad`, the good rows are inserted even if others fail.
    """

    load_id: str
    first_row: int
    rows: bytes
    skip_bad: bool = False


class Report(NamedTuple):
    """The result of a batch: the load after it, and the failures of rows by their index in the batch.

    `committed` is False if bad rows rolled the batch back, `repeated` is True if it was committed earlier.
    """

    load: Load
    committed: bool
    repeated: bool
    failures: list[Failure]


class BadRows(Exception):
    """Rolls back a batch that has bad rows."""

    def __init__(self, load: Load, failures: list[Failure]) -> None:
        super().__init__()
        self.load = load
        self.failures = failures


class ReadRows(NamedTuple, Generic[R]):
    """The good rows of a batch with their indexes, the failures of the bad ones, and the total of both."""

    total: int
    rows: list[IndexedRow[R]]
    failures: list[Failure]


@dataclass(frozen=True, slots=True)
class Insertion(Generic[R]):
    """A change that inserts the rows of a batch up to the index `end` that are not inserted yet."""

    batch: Batch
    kind: RowKind[R]
    read: ReadRows[R]
    end: int
    now: Moment

    def __call__(self, tables: Tables) -> Report:
        """Insert the rows.

        FailedPrecondition LOAD_GAP if rows before the batch are missing, LOAD_ENDED; NotFound LOAD_NOT_FOUND.
        BadRows if a row fails and bad rows are not skipped.
        """
        batch, read, end = self.batch, self.read, self.end
        load = _require_open_load(tables, batch.load_id)
        begin = load.rows - batch.first_row
        if begin >= end and read.total:
            return Report(load, True, True, [])
        if begin < 0 or (begin and load.partial_batch != batch.first_row) or begin > end:
            raise FailedPrecondition(
                f"the load has {load.rows} rows; send the row with index {load.rows} next",
                reason="LOAD_GAP",
                rows=str(load.rows),
            )
        inserted = self.kind.insert(tables, rows_between(read.rows, begin, end), self.now.anonymous)
        bad = [failure for failure in read.failures if begin <= failure.index < end]
        failures = sorted([*bad, *inserted.failures], key=lambda failure: failure.index)
        if failures and not batch.skip_bad:
            raise BadRows(load, failures)
        partial_batch = batch.first_row if end < read.total else None
        load = msgspec.structs.replace(load, partial_batch=partial_batch)
        facts: Facts = {"kind": str(load.kind), "rows": end - begin, "inserted": inserted.rows}
        record(tables, self.now, "loads.load", f"load:{load.id}", facts)
        return Report(_advance(tables, load, end - begin, inserted, self.now.ms), True, False, failures)


def rows_between(rows: list[IndexedRow[R]], begin: int, end: int) -> list[IndexedRow[R]]:
    """The rows with an index from `begin` to below `end`."""
    if not rows or (begin <= rows[0][0] and rows[-1][0] < end):
        return rows
    return [row for row in rows if begin <= row[0] < end]


def read_rows(kind: RowKind[R], body: bytes) -> ReadRows[R]:
    """The rows of a JSON list.

    InvalidArgument BAD_ROWS if it is not a list, TOO_MANY_ITEMS if it is too large.
    """
    check_list(body)
    all_rows = kind.read_all(body)
    if all_rows is not None and len(all_rows) <= MAX_ROWS:
        return ReadRows(len(all_rows), list(enumerate(all_rows)), [])
    documents = list_items(body, "BAD_ROWS")
    if len(documents) > MAX_ROWS:
        raise InvalidArgument(f"at most {MAX_ROWS} rows at once", reason="TOO_MANY_ITEMS")
    read = kind.read
    rows, failures = [], []
    for index, document in enumerate(documents):
        try:
            rows.append((index, read(document)))
        except TamsError as error:
            failures.append(Failure(index, error))
    return ReadRows(len(documents), rows, failures)


def _advance(tables: Tables, load: Load, count: int, inserted: Inserted, now_ms: int) -> Load:
    after = msgspec.structs.replace(
        load,
        rows=load.rows + count,
        inserted=load.inserted + inserted.rows,
        skipped=load.skipped + count - inserted.rows,
        changed_ms=now_ms,
    )
    tables.loads.put(after)
    # Each part has at least one row, so numbers that start at the index of the batch's first row are unique
    # and ascending.
    parts: Sequence[Keys] = inserted.keys.parts()
    for number, part in enumerate(parts):
        tables.loads.put_keys(load.id, load.rows + number, encode_keys(part))
    return after


def require_load(tables: Tables, load_id: str) -> Load:
    """The load; NotFound LOAD_NOT_FOUND if it does not exist."""
    load = tables.loads.get(load_id)
    if load is None:
        raise NotFound(f"no load {load_id[:64]!r}", reason="LOAD_NOT_FOUND")
    return load


def _require_open_load(tables: Tables, load_id: str) -> Load:
    load = require_load(tables, load_id)
    if load.state is not State.OPEN:
        raise load_ended(load)
    return load


def load_ended(load: Load) -> FailedPrecondition:
    """The error for a change of a load that has ended."""
    return FailedPrecondition(f"the load is {load.state}; start another", reason="LOAD_ENDED")
