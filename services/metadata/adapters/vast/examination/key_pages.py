"""Pages of the values of a key, ascending, although the server returns rows in no order."""

from typing import NamedTuple, TypeAlias

from services.vast_client.filters.filters import EVERYTHING, And, AtLeast, Below, Equal, Filter
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import Transaction

Key: TypeAlias = int | str


class Keys(NamedTuple):
    """Distinct values of a key, the number of rows read, and the lowest value of the next page.

    `after` is None at the end.
    """

    values: list[Key]
    rows: int
    after: Key | None
    # True if the only value has more rows than fit into a page.
    crowded: bool = False


def keys_from(
    transaction: Transaction, table: str, column: str, low: Key, most: int, *, among: Filter = EVERYTHING
) -> Keys:
    """The values of a column from `low` on, from about `most` rows that pass the filter `among`.

    A range with more rows is cut at the median of the returned values, until it has no more than `most`.
    """
    high: Key | None = None
    read = 0
    while True:
        found = _values(transaction, table, column, And((among, between(column, low, high))), most + 1)
        read += len(found)
        if len(found) <= most:
            return Keys(sorted(set(found)), read, high)
        high = sorted(found)[len(found) // 2]
        if high == low:
            # The rows with this value alone exceed a page.
            return Keys([low], read, _next(low), crowded=True)


def _values(transaction: Transaction, table: str, column: str, where: Filter, most: int) -> list[Key]:
    rows = transaction.select(table, (column,), where, kind=Kind.PAGE, limit=most)
    return [value for value in rows[column].to_pylist() if value is not None]


def between(column: str, low: Key, high: Key | None) -> Filter:
    """A filter for values from `low` to below `high`; to the end if `high` is None."""
    if high is None:
        return AtLeast(column, low)
    following = _next(low)
    return Equal(column, low) if high == following else And((AtLeast(column, low), Below(column, high)))


def _next(key: Key) -> Key:
    return key + 1 if isinstance(key, int) else key + "\0"
