"""Checks of webhooks, events, deletion requests and loads, and of the rows that belong to them."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from services.metadata.adapters.vast.examination.duplicates import duplicates
from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.tables import VastTables
from services.metadata.application.ports.examination import Inconsistency
from services.metadata.domain.deletion_request import Deletion
from services.metadata.domain.load import Load
from services.metadata.domain.trash import Trashed
from services.metadata.domain.webhooks.event import Event
from services.metadata.domain.webhooks.webhook import Webhook
from services.vast_client.filters.filters import Above

# By counter: the kind of a finding, and its summary.
_COUNTERS: Final = {
    "events": ("EVENT_COUNTER", "events have higher ids than it, so subscribers would miss new events"),
    "audit": ("AUDIT_COUNTER", "entries of the audit log have higher numbers, which new ones would repeat"),
}
# By counter: the tables and columns with its numbers.
_NUMBERED: Final = {
    "events": (("events", "id"), ("webhooks", "settled")),
    "audit": (("audit", "number"),),
}


class Work(NamedTuple):
    """A table, the type of its bodies, and the effect of a repair on a body that cannot be read."""

    table: str
    body: type
    lost: str


WORK: Final = {
    "webhooks": Work("webhooks", Webhook, "a repair removes it: then register the webhook again"),
    "deletion_requests": Work("deletion_requests", Deletion, "a repair removes it: then delete again"),
    "trash": Work("trash", Trashed, "a repair removes it, and then its segments: they cannot be restored"),
    "events": Work("events", Event, "a repair removes it, so subscribers do not get it"),
    "loads": Work("loads", Load, "a repair removes it: the loaded rows stay"),
}


def check(work: Work, tables: VastTables, key: str) -> list[Inconsistency]:
    """The findings about the rows with an id: several rows, or a body that cannot be read."""
    rows = tables.view.lookup(work.table, "id", _key(work, key))
    found = duplicates(work.table, key, rows)
    if rows and not _readable(work, rows):
        summary = f"it cannot be read; {work.lost}"
        found.append(Inconsistency("DAMAGED_BODY", work.table, key, summary, mendable=True))
    return found


def mend(work: Work, tables: VastTables, key: str, kinds: set[str]) -> None:
    """Keep one readable row: of webhooks the one with the fewest settled events, else the first one."""
    rows = tables.view.lookup(work.table, "id", _key(work, key))
    readable = _readable(work, rows)
    if work.table == "webhooks":
        readable.sort(key=lambda row: int(row["settled"]))
    kept = readable[:1] if kinds else rows
    tables.view.delete(work.table, [row for row in rows if row not in kept])


def check_owned(owners: str, table: str, column: str) -> Callable[[VastTables, str], list[Inconsistency]]:
    """The check that rows of a table belong to a row of the table `owners`, whose id is in the column."""

    def check_rows(tables: VastTables, key: str) -> list[Inconsistency]:
        rows = tables.view.lookup(table, column, key, (column,))
        if not rows or tables.view.lookup(owners, "id", key, ("id",)):
            return []
        return [
            Inconsistency("ROWS_OF_NOBODY", table, key, f"they belong to no row of {owners}", mendable=True)
        ]

    return check_rows


def mend_owned(table: str, column: str) -> Callable[[VastTables, str, set[str]], None]:
    """The function that deletes the rows without an owner."""

    def mend_rows(tables: VastTables, key: str, kinds: set[str]) -> None:
        if "ROWS_OF_NOBODY" in kinds:
            tables.view.delete(table, tables.view.lookup(table, column, key, (column,)))

    return mend_rows


def check_counter(tables: VastTables, name: str) -> list[Inconsistency]:
    """The findings about a counter, or about both: it must reach the numbers of all rows that it counts."""
    found = []
    for counter in (name,) if name in _COUNTERS else _COUNTERS:
        rows = tables.view.lookup("counters", "name", counter)
        found += duplicates("counters", counter, rows)
        if _beyond(tables, counter, min((row["value"] or 0 for row in rows), default=0), 1):
            kind, summary = _COUNTERS[counter]
            found.append(Inconsistency(kind, "counters", counter, summary, mendable=True))
    return found


def mend_counter(tables: VastTables, name: str, kinds: set[str]) -> None:
    """Keep one row of a counter, and raise it to the highest number of the rows that it counts."""
    if not kinds:
        return
    rows = tables.view.lookup("counters", "name", name)
    value = max((row["value"] or 0 for row in rows), default=0)
    value = max((value, *_beyond(tables, name, value)))
    tables.view.delete("counters", rows[1:])
    if rows:
        tables.view.update("counters", rows[0], value=value)
    else:
        tables.view.lock("counters", name)
        tables.view.insert("counters", name=name, value=value)


def _beyond(tables: VastTables, counter: str, value: int, most: int | None = None) -> list[int]:
    """Numbers above a value that the rows of a counter have, `most` of each table."""
    return [
        row[column]
        for table, column in _NUMBERED[counter]
        for row in tables.view.select_up_to(table, Above(column, value), (column,), most).rows
    ]


def _readable(work: Work, rows: list[Row]) -> list[Row]:
    return [row for row in rows if _decodes(work.body, row["body"])]


def _decodes(kind: Any, body: bytes | None) -> bool:
    try:
        msgspec.msgpack.decode(body or b"", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def _key(work: Work, key: str) -> int | str:
    return int(key) if work.table == "events" else key
