"""The table of the audit log.

Numbers ascend in the order of commits, as those of events do: every transaction with entries writes the row
of the counter.
"""

from typing import Final

from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.reading.view import View
from services.metadata.domain.audit import Entry, EntryFilter, Outcome
from services.metadata.domain.documents.text_digest import prefix_end
from services.vast_client.filters.filters import And, AtLeast, Below, Equal, Filter

_COUNTER: Final = "audit"
# Numbers that one request covers, at most. If few entries pass the filter, requests cover more and more.
_WIDEST: Final = 1_000_000
_GROWTH: Final = 8


class VastAudit:
    """Entries by number."""

    def __init__(self, view: View) -> None:
        self._view = view

    def append(self, entry: Entry) -> None:
        """Store an entry with the next number."""
        row = self._view.row("counters", "name", _COUNTER)
        number = 1 + (row["value"] if row else 0)
        if row is None:
            self._view.lock("counters", _COUNTER)
            self._view.insert("counters", name=_COUNTER, value=number)
        else:
            self._view.update("counters", row, value=number)
        self._view.insert("audit", **entry._replace(number=number)._asdict())

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
