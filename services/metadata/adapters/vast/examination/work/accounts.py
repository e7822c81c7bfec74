"""Checks of users and API keys: one row each."""

from services.metadata.adapters.vast.examination.duplicates import duplicates
from services.metadata.adapters.vast.tables import VastTables
from services.metadata.application.ports.examination import Inconsistency


def check(table: str, column: str, tables: VastTables, key: str) -> list[Inconsistency]:
    """A finding if a user or API key has several rows."""
    return duplicates(table, key, tables.view.lookup(table, column, key))


def mend(table: str, column: str, tables: VastTables, key: str, kinds: set[str]) -> None:
    """Keep one row, a suspended one if there is one, because that may be the will of the operator."""
    if "DOUBLED_ROW" in kinds:
        rows = tables.view.lookup(table, column, key)
        rows.sort(key=lambda row: not row["suspended"])
        tables.view.delete(table, rows[1:])
