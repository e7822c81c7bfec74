"""The audit log: listing its entries, and recording what other processes report."""

from collections.abc import Sequence
from typing import Final

from services.access.ports import Attempt
from services.metadata.application.audit.numbering import Numbering
from services.metadata.application.clock import AuditedClock, Clock
from services.metadata.application.pages import DEFAULT_PAGE, MAX_PAGE, Page, make_page
from services.metadata.application.ports import Store, Tables
from services.metadata.domain.audit import Entry, EntryFilter, Facts, Outcome, clip, encode_facts
from services.shared.errors import InvalidArgument
from services.shared.paging import decode_token, page_size

_LISTING: Final = "audit"
MAX_ATTEMPTS: Final = 1000
# The action of attempts whose credentials were not valid, so that the name is only claimed.
FAILED: Final = "authentication.failed"
# The caller of attempts without a valid name.
NOBODY: Final = "nobody"


class AuditLog:
    """Reads the audit log, and records attempts of callers."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Without an AuditedClock nothing is recorded."""
        self._store = store
        self._numbering = Numbering(store)
        self._is_on = isinstance(clock, AuditedClock)

    async def page(
        self,
        criteria: EntryFilter,
        requested_size: int,
        token: str,
        *,
        after: int = 0,
        oldest_first: bool = False,
    ) -> Page[Entry]:
        """A page of the entries that pass the filter and have a number above `after`.

        InvalidArgument BAD_PAGE_TOKEN.
        """
        size = page_size(requested_size, default=DEFAULT_PAGE, maximum=MAX_PAGE)
        begin = decode_token(token, _LISTING, int)
        if oldest_first:
            begin = max(begin or 0, after)

        def query(tables: Tables) -> list[Entry]:
            return tables.audit.page(criteria, begin, size + 1, newest_first=not oldest_first)

        await self._numbering.finish()
        entries = [entry for entry in await self._store.scan(query) if entry.number > after]
        return make_page(entries, size, _LISTING, lambda entry: entry.number)

    async def record(self, attempts: Sequence[Attempt]) -> None:
        """Record attempts. InvalidArgument TOO_MANY_ITEMS."""
        if len(attempts) > MAX_ATTEMPTS:
            raise InvalidArgument(f"at most {MAX_ATTEMPTS} attempts at once", reason="TOO_MANY_ITEMS")
        if not self._is_on or not attempts:
            return
        entries = list(map(_entry, attempts))

        def change(tables: Tables) -> None:
            for entry in entries:
                tables.audit.append(entry)

        await self._store.write(change)


def _entry(attempt: Attempt) -> Entry:
    facts: Facts = {"count": attempt.times} if attempt.times > 1 else {}
    for name, value in (("reason", attempt.reason), ("address", attempt.address)):
        if value:
            facts = {**facts, name: clip(value)}
    is_known = not attempt.reason or attempt.action != FAILED
    return Entry(
        attempt.time_ns,
        clip(attempt.name) if is_known else NOBODY,
        clip(attempt.action),
        _resource(attempt),
        clip(attempt.request_id),
        outcome=Outcome.REFUSED if attempt.reason else Outcome.DONE,
        facts=encode_facts(facts),
    )


def _resource(attempt: Attempt) -> str:
    if attempt.resource:
        return clip(attempt.resource)
    return f"principal:{clip(attempt.name)}" if attempt.name else ""
