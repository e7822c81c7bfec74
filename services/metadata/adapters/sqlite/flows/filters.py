"""Translates the filters of listings to SQL."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from services.metadata.adapters.sqlite.flows.classes import class_condition
from services.metadata.adapters.sqlite.flows.tags import CLASS_OWNERS, Owner
from services.metadata.domain.documents.classes import Classes
from services.metadata.domain.documents.text_digest import prefix_end

Value = str | int | bytes | None
Ids = Sequence[str]


def text_with_prefix(
    connection: sqlite3.Connection,
    owner: Owner,
    tag: str | None,
    prefix: str,
    excluded: Sequence[str],
    *,
    classes: Classes | None,
) -> str | None:
    """A stored label, or value of the tag if one is given, with the prefix; none of the excluded ones.

    With classes, only the texts of what has one of them.
    """
    column = "label" if tag is None else "value"
    where = Where([], [])
    where.classes(owner, classes)
    if tag is not None:
        where.add("owner = ? AND name = ?", owner, tag)
    where.add(f"{column} >= ?", prefix)
    if (end := prefix_end(prefix)) is not None:
        where.add(f"{column} < ?", end)
    if excluded:
        where.add(f"{column} NOT IN ({', '.join('?' * len(excluded))})", *excluded)
    table = f"{owner}s" if tag is None else "tags"
    sql = f"SELECT {column} FROM {table} r WHERE {where} LIMIT 1"
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

    def classes(self, owner: Owner, classes: Classes | None) -> None:
        """Add the condition that the row `r` has one of the classes. None adds no condition."""
        if classes is not None:
            self.add(class_condition(classes), CLASS_OWNERS[owner], *sorted(classes))

    def tags(
        self, owner: Owner, values: Mapping[str, str], exists: Mapping[str, bool], ids: Ids | None = None
    ) -> str:
        """Add conditions for the tags of the row `r`; returns the tables for the FROM clause.

        The query starts from the ids if they are given, else from the first tag with a value, because an
        index finds its rows in order of id.
        """
        lead = f"{owner}s r"
        if ids is not None:
            lead = f"json_each(?) lead CROSS JOIN {owner}s r ON r.id = lead.value"
            self.parameters.insert(0, json.dumps(ids))
        for number, (name, value) in enumerate(values.items()):
            if number == 0 and ids is None:
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
