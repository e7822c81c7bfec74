"""The tables of the audit log: entries with numbers, and new entries, which wait for theirs.

A change only inserts its entries, so changes of several processes do not conflict. Background work and
listings number the committed entries, in a transaction that writes the row of the counter. So numbers ascend
in the order in which entries become visible, and a reader who follows the log misses none.
"""

from itertools import count
from typing import Final

from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.reading.view import View
from services.metadata.adapters.vast.schema import COLUMNS
from services.metadata.domain.audit import Entry, EntryFilter, Outcome
from services.metadata.domain.documents.text_digest import prefix_end
from services.shared.ids import new_uuid
from services.vast_client.filters.filters import EVERYTHING, And, AtLeast, Below, Equal, Filter

_COUNTER: Final = "audit"
_NEW: Final = "audit_new"
# Numbers that one request covers, at most. If few entries pass the filter, requests cover more and more.
_WIDEST: Final = 1_000_000
_GROWTH: Final = 8
# The order of the entries of this process.
_places: Final = count()


class VastAudit:
    """Entries by number."""

    def __init__(self, view: View) -> None:
        self._view = view

    def append(self, entry: Entry) -> None:
        """Store an entry. It gets its number later."""
        values = entry._asdict()
        del values["number"]
        self._view.insert(_NEW, id=new_uuid(), place=next(_places), **values)

    def has_new(self, *, fresh: bool = False) -> bool:
        """True if entries wait for their number."""
        if fresh:
            return bool(self._view.some(_NEW, EVERYTHING, 1, ("id",)))
        return bool(self._view.standing(_NEW, EVERYTHING, ("id",), 1))

    def number(self, limit: int) -> int:
        """Give entries their numbers, in the order of time, about `limit` at most; returns how many."""
        rows = self._view.some(_NEW, EVERYTHING, limit, COLUMNS[_NEW])
        if not rows:
            return 0
        rows.sort(key=lambda row: (row["time_ns"], row["place"], row["id"]))
        first = self._take_numbers(len(rows))
        self._view.delete(_NEW, rows)
        self._view.insert_all(
            "audit",
            (
                {name: row[name] for name in COLUMNS["audit"] if name != "number"} | {"number": number}
                for number, row in enumerate(rows, first)
            ),
        )
        return len(rows)

    def _take_numbers(self, amount: int) -> int:
        """Raise the counter; returns the first of its new numbers."""
        row = self._view.row("counters", "name", _COUNTER)
        last = row["value"] if row else 0
        if row is None:
            self._view.lock("counters", _COUNTER)
            self._view.insert("counters", name=_COUNTER, value=amount)
        else:
            self._view.update("counters", row, value=last + amount)
        return int(last) + 1

    def page(
        self, criteria: EntryFilter, after: int | None, limit: int, *, newest_first: bool
    ) -> list[Entry]:
        """Up to `limit` entries that pass the filter, in order of their numbers."""
        counter = self._view.row("counters", "name", _COUNTER)
        last = counter["value"] if counter else 0
        low, high = (
            (1, last + 1 if after is None else after) if newest_first else ((after or 0) + 1, last + 1)
        )
        conditions = _conditions(criteria)
        entries: list[Entry] = []
        width = limit
        while low < high and len(entries) < limit:
            begin, end = (max(low, high - width), high) if newest_first else (low, min(high, low + width))
            where = And((AtLeast("number", begin), Below("number", end), *conditions))
            found = sorted(map(_entry, self._view.select("audit", where)), key=lambda entry: entry.number)
            entries += reversed(found) if newest_first else found
            low, high = (low, begin) if newest_first else (end, high)
            if len(found) * _GROWTH < limit:
                width = min(_WIDEST, width * _GROWTH)
        return entries[:limit]

    def trim(self, before_ns: int, limit: int) -> int:
        """Delete old entries, `limit` at most; returns their number."""
        rows = self._view.some("audit", Below("time_ns", before_ns), limit, ("number", "time_ns"))[:limit]
        self._view.delete("audit", rows)
        return len(rows)


def _conditions(criteria: EntryFilter) -> list[Filter]:
    conditions: list[Filter] = []
    if criteria.principal is not None:
        conditions.append(Equal("principal", criteria.principal))
    if criteria.since is not None:
        conditions.append(AtLeast("time_ns", criteria.since))
    if criteria.until is not None:
        conditions.append(Below("time_ns", criteria.until))
    for column, text in (("action", criteria.action), ("resource", criteria.resource)):
        if text is not None and text.endswith("*"):
            conditions.append(AtLeast(column, text[:-1]))
            if (end := prefix_end(text[:-1])) is not None:
                conditions.append(Below(column, end))
        elif text is not None:
            conditions.append(Equal(column, text))
    return conditions


def _entry(row: Row) -> Entry:
    return Entry(**{name: row[name] for name in Entry._fields} | {"outcome": Outcome(row["outcome"])})
