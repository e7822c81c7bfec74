"""The audit log of a store."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import msgspec

from client.api import codec
from client.api.connection import Connection

# Entries on a page.
_PAGE = 1000


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry: `action` is such as flows.put, `resource` such as flow:<id>.

    `before` and `after` are versions of the resource, if it has any. `outcome` is done, refused or begun.
    """

    number: int
    time: datetime
    principal: str
    action: str
    resource: str
    request_id: str
    outcome: str
    facts: dict[str, Any]
    before: str | None = None
    after: str | None = None


class _Entries(msgspec.Struct):
    entries: list[AuditEntry]


class AuditLog:
    """The entries; Forbidden for callers who are no administrators."""

    def __init__(self, api: Connection) -> None:
        self._api = api

    async def entries(
        self, *, oldest_first: bool = False, after: int = 0, limit: int = _PAGE, **filters: str | None
    ) -> AsyncIterator[AuditEntry]:
        """The entries with a number above `after` that pass all filters, `limit` on a page.

        The filters are `principal`, `action`, `resource`, `since` and `until`.
        """
        params = {"limit": limit, "after": after, **filters}
        params["first"] = "oldest" if oldest_first else "newest"
        async for page in self._api.pages("/x/audit", params):
            for entry in codec.decode(page.content, _Entries).entries:
                yield entry
