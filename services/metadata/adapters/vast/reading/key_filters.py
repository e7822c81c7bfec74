"""Filters for the rows of many keys, so that few bytes are sent and few rows are read.

A key in a request takes about as many bytes as a row in a response. Keys that were made one after the other
have few others between them, so their range can stand in place of their names.
"""

import re
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from services.metadata.adapters.vast.reading.windows import ID_SPACE, id_position
from services.vast_client.filters.filters import And, AtLeast, AtMost, Filter, In, Scalar
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import Transaction

# Up to this many keys are named.
_MAX_NAMED: Final = 300
# Up to this many keys that exist are named; they fit into one request.
_NAMES_IN_REQUEST: Final = 500
# Reading this many keys costs less than naming one.
_READS_PER_NAME: Final = 4
# The range of keys that exist may hold this many times as many rows.
_ROWS_PER_KEY: Final = 1.5
# UUIDs in order of time, even those of several years, differ by less than this fraction of the space of ids.
_FAR_FRACTION: Final = 256
_is_hexadecimal: Final = re.compile("[0-9a-f-]{32,}").fullmatch


class KeyFilters:
    """Chooses filters for one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        # The number and the ends of lists of keys with many others between them.
        self._scattered: set[tuple[int, Scalar, Scalar]] = set()

    def choose(self, table: str, column: str, keys: list[Scalar], *, exist: bool) -> Filter:
        """A filter that passes the rows of the keys, and perhaps some rows between them.

        `exist` is True if all keys are known to have rows. Long lists may take a request of their own.
        """
        names = In(column, tuple(keys))
        if len(keys) <= (_NAMES_IN_REQUEST if exist else _MAX_NAMED):
            return names
        low, high = _ordered(min(keys)), _ordered(max(keys))
        place = (len(keys), low, high)
        if place in self._scattered or _are_far_apart(low, high):
            return names
        between = And((AtLeast(column, low), AtMost(column, high)))
        if exist:
            return between if self._is_filled(table, between, len(keys)) else names
        present = self._present(table, column, between, len(keys))
        if present is None:
            # If many other keys lie between these in one table, they do so in the next.
            self._scattered.add(place)
            return names
        existing = present.filter(pc.is_in(present, pa.array(keys, present.type))).to_pylist()
        return between if len(existing) * _READS_PER_NAME > len(present) else In(column, tuple(existing))

    def _is_filled(self, table: str, between: Filter, keys: int) -> bool:
        """True if the rows in the range are few more than the keys."""
        cap = int(_ROWS_PER_KEY * keys)
        # A response without columns has only the number of rows, in a few bytes.
        counted = self._transaction.select(table, (), between, kind=Kind.PAGE, limit=cap)
        return int(counted.num_rows) < cap

    def _present(self, table: str, column: str, between: Filter, keys: int) -> pa.ChunkedArray | None:
        """The keys of the table in the range; None if they are too many."""
        cap = _READS_PER_NAME * keys
        found = self._transaction.select(table, (column,), between, kind=Kind.PAGE, limit=cap)
        return found[column] if found.num_rows < cap else None


def _are_far_apart(low: int | str, high: int | str) -> bool:
    """True for UUIDs or digests that are not in order of time, so that many other keys lie between them."""
    if not isinstance(low, str) or not isinstance(high, str):
        return False
    if not (_is_hexadecimal(low) and _is_hexadecimal(high)):
        return False
    return (id_position(high) - id_position(low)) * _FAR_FRACTION > ID_SPACE.high


def _ordered(key: Scalar) -> int | str:
    if isinstance(key, bytes):
        raise TypeError("no table is looked up by bytes")
    return key
