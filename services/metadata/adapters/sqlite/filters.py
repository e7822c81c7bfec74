"""Filters of listings as SQL."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

Value = str | int | bytes | None


class Where(NamedTuple):
    """Conditions that must all hold, with their parameters."""

    conditions: list[str]
    parameters: list[Value]

    def add(self, condition: str, *parameters: Value) -> None:
        """One more condition."""
        self.conditions.append(condition)
        self.parameters.extend(parameters)

    def equal(self, columns: Iterable[tuple[str, Value]]) -> None:
        """Each column equals its value; None does not filter."""
        for column, value in columns:
            if value is not None:
                self.add(f"{column} = ?", value)

    def tags(self, owner: str, values: Mapping[str, str], exists: Mapping[str, bool]) -> str:
        """Tag conditions on the row `r`; the table to start from.

        A wanted value is an index seek, and its rows come in order of id, so the first one leads.
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
        for name, wanted in exists.items():
            has = "EXISTS (SELECT 1 FROM tags t WHERE t.owner = ? AND t.id = r.id AND t.name = ?)"
            self.add(has if wanted else f"NOT {has}", owner, name)
        return lead

    def __str__(self) -> str:
        return " AND ".join(self.conditions) or "1"
