"""The table of the audit log. No method changes a stored entry."""

from typing import Protocol

from services.metadata.domain.audit import Entry, EntryFilter


class AuditTable(Protocol):
    """Entries by number."""

    def append(self, entry: Entry) -> None:
        """Store an entry with the next number."""
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
