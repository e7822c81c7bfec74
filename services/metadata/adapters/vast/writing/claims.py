"""Rows that a change claims at the start of an attempt, after a conflict.

Two changes of one row conflict if one writes it between the first read and the commit of the other. A change
that reads many rows loses each time to others that keep writing the row. So after a conflict, the next
attempt first writes the rows that it will change, each with the value that it has just read. From then on,
the other changes lose.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from services.metadata.adapters.vast.changes import Changes
from services.metadata.adapters.vast.queries import ROW_ID
from services.vast_client.filters.filters import In
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import Transaction

# The key columns of the tables with rows that several changes write.
_KEYS: Final = {"counters": "name", "flows": "id", "sources": "id", "webhooks": "id"}
# If a change updates more rows of a table, reading them again would take longer than the claim saves.
_MAX_ROWS: Final = 64


class Claim(NamedTuple):
    """Rows of one table, by key, and a column that the change writes in all of them."""

    keys: frozenset[str]
    column: str


def claims_of(changes: Changes) -> Mapping[str, Claim]:
    """The claims for the next attempt of a change, by table."""
    claims = {}
    for table, key in _KEYS.items():
        updated = changes.tables[table].updated if table in changes.tables else {}
        if 0 < len(updated) <= _MAX_ROWS:
            columns = changes.tables[table].columns[next(iter(updated))]
            claims[table] = Claim(frozenset(row[key] for row in updated.values()), min(columns))
    return claims


def claim(transaction: Transaction, claims: Mapping[str, Claim]) -> None:
    """Write the rows with their present values. Clash if another transaction has written one of them."""
    for table, (keys, column) in claims.items():
        where = In(_KEYS[table], tuple(sorted(keys)))
        rows = transaction.select(table, [_KEYS[table], column], where, kind=Kind.POINT, row_ids=True)
        if rows.num_rows:
            transaction.update(table, rows.select([ROW_ID, column]))
