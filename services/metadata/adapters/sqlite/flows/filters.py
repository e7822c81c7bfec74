"""Translates the filters of listings to SQL."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from services.metadata.domain.documents.text_digest import prefix_end

Value = str | int | bytes | None


def text_with_prefix(
    connection: sqlite3.Connection, owner: str, tag: str | None, prefix: str, excluded: Sequence[str]
) -> str | None:
    """A stored label, or value of the tag if one is given, with the prefix; none of the excluded ones."""
    column = "label" if tag is None else "value"
    where = Where([], [])
    if tag is not None:
        where.add("owner = ? AND name = ?", owner, tag)
    where.add(f"{column} >= ?", prefix)
    if (end := prefix_end(prefix)) is not None:
        where.add(f"{column} < ?", end)
    if excluded:
        where.add(f"{column} NOT IN ({', '.join('?' * len(excluded))})", *excluded)
    table = f"{owner}s" if tag is None else "tags"
    sql = f"SELECT {column} FROM {table} WHERE {where} LIMIT 1"
    row = connection.execute(sql, where.parameters).fetchone()
    return row[0] if row else None


class Where(NamedTuple):
    """A WHERE clause: conditions that must all hold, and their parameters."""

    conditions: list[str]
    parameters: list[Value]

    def add(self, condition: str, *parameters: Value) -> None:
        """Add a condition with its parameters."""
        self.conditions.append(condition)
        self.parameters.extend(parameters)

    def equal(self, columns: Iterable[tuple[str, Value]]) -> None:
        """Add conditions for columns with a value. A value of None adds no condition."""
        for column, value in columns:
            if value is not None:
                self.add(f"{column} = ?", value)

    def tags(self, owner: str, values: Mapping[str, str], exists: Mapping[str, bool]) -> str:
        """Add conditions for the tags of the row `r`; returns the tables for the FROM clause.

        The query starts from the first tag with a value, because an index finds its rows in order of id.
        """
        lead = f"{owner}s r"
        for number, (name, value) in enumerate(values.items()):
            if number == 0:
                lead = f"tags lead CROSS JOIN {owner}s r ON r.id = lead.id"
                self.add("lead.owner = ? AND lead.name = ? AND lead.value = ?", owner, name, value)
                continue
            self.add(
                "EXISTS (SELECT 1 FROM tags t"
                " WHERE t.owner = ? AND t.id = r.id AND t.name = ? AND t.value = ?)",
                owner,
                name,
                value,
            )
        for name, must_exist in exists.items():
            condition = "EXISTS (SELECT 1 FROM tags t WHERE t.owner = ? AND t.id = r.id AND t.name = ?)"
            self.add(condition if must_exist else f"NOT {condition}", owner, name)
        return lead

    def __str__(self) -> str:
        return " AND ".join(self.conditions) or "1"
