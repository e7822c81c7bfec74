"""The table of the audit log."""

import sqlite3
from typing import Final

from services.metadata.domain.audit import Entry, EntryFilter, Outcome

_COLUMNS: Final = "time_ns, principal, action, resource, request_id, before, after, outcome, facts"
_INSERT: Final = f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_TRIM: Final = """
    DELETE FROM audit WHERE number IN (SELECT number FROM audit ORDER BY number LIMIT ?) AND time_ns < ?
"""


class SqliteAudit:
    """Entries by number."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def append(self, entry: Entry) -> None:
        """Store an entry with the next number."""
        self._execute(_INSERT, entry[:9])

    def has_new(self, *, fresh: bool = False) -> bool:  # noqa: ARG002 - the interface of an engine
        """False: entries have their numbers at once."""
        return False

    def number(self, limit: int) -> int:  # noqa: ARG002 - the interface of an engine
        """Do nothing: entries have their numbers at once."""
        return 0

    def page(
        self, criteria: EntryFilter, after: int | None, limit: int, *, newest_first: bool
    ) -> list[Entry]:
        """Up to `limit` entries that pass the filter, in order of their numbers."""
        conditions, values = _conditions(criteria)
        if after is not None:
            conditions.append("number < ?" if newest_first else "number > ?")
            values.append(after)
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        order = "DESC" if newest_first else "ASC"
        sql = f"SELECT {_COLUMNS}, number FROM audit {where} ORDER BY number {order} LIMIT ?"
        return [_entry(row) for row in self._execute(sql, (*values, limit))]

    def trim(self, before_ns: int, limit: int) -> int:
        """Delete the oldest entries, `limit` at most, that are older than a time; returns their number."""
        return self._execute(_TRIM, (limit, before_ns)).rowcount


def _conditions(criteria: EntryFilter) -> tuple[list[str], list[str | int]]:
    conditions: list[str] = []
    values: list[str | int] = []
    for sql, value in (
        ("principal = ?", criteria.principal),
        ("time_ns >= ?", criteria.since),
        ("time_ns < ?", criteria.until),
    ):
        if value is not None:
            conditions.append(sql)
            values.append(value)
    for column, text in (("action", criteria.action), ("resource", criteria.resource)):
        if text is not None and text.endswith("*"):
            conditions.append(f"substr({column}, 1, ?) = ?")
            values += [len(text) - 1, text[:-1]]
        elif text is not None:
            conditions.append(f"{column} = ?")
            values.append(text)
    return conditions, values


def _entry(row: tuple[int, str, str, str, str, str | None, str | None, str, str, int]) -> Entry:
    time_ns, principal, action, resource, request_id, before, after, outcome, facts, number = row
    return Entry(
        time_ns, principal, action, resource, request_id, before, after, Outcome(outcome), facts, number
    )
