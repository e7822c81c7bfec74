"""The table of the audit log. No method changes a stored entry."""

from typing import Protocol

from services.metadata.domain.audit import Entry, EntryFilter


class AuditTable(Protocol):
    """Entries by number."""

    def append(self, entry: Entry) -> None:
        """Store an entry. An engine may give it its number later, in `number`; until then no page has it."""
        ...

    def has_new(self, *, fresh: bool = False) -> bool:
        """True if entries wait for their number.

        Outside of changes, entries of other processes may be seen some seconds late, unless `fresh` is set.
        """
        ...

    def number(self, limit: int) -> int:
        """Give entries their numbers, in the order of time, about `limit` at most; returns how many."""
        ...

    def page(
        self, criteria: EntryFilter, after: int | None, limit: int, *, newest_first: bool
    ) -> list[Entry]:
        """Up to `limit` entries that pass the filter, in order of their numbers.

        They begin beyond the number `after`: above it, or below it if the newest come first.
        """
        ...

    def trim(self, before_ns: int, limit: int) -> int:
        """Delete the oldest entries, `limit` at most, that are older than a time; returns their number.

        The time is in nanoseconds since 1970.
        """
        ...
