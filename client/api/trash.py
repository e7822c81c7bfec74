"""The routes of the trash: what was deleted softly, its restoration and purge."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import msgspec
from mediatimestamp import TimeRange

from client.api import codec
from client.api.connection import Connection

_PAGE: Final = 300


class TrashEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A flow, or segments of a flow, that can be restored. Times are RFC 3339 text."""

    id: str
    operation: str
    kind: str
    flow_id: str
    source_id: str
    timerange: TimeRange
    deleted_by: str
    deleted: str
    expiry: str
    purging: bool


class Trash:
    """The trash of a store. Restores are refused with BadRequest while something stands in their way."""

    def __init__(self, api: Connection) -> None:
        self._api = api

    async def entries(
        self, *, flow_id: str | None = None, source_id: str | None = None, limit: int = _PAGE
    ) -> AsyncIterator[TrashEntry]:
        """Every entry, or those of a flow or source."""
        params = {"flow_id": flow_id, "source_id": source_id, "limit": limit}
        async for page in self._api.pages("/x/trash", params):
            for entry in codec.decode(page.content, list[TrashEntry]):
                yield entry

    async def restore_flow(self, flow_id: str) -> list[TrashEntry]:
        """Restore the flow that was last deleted with the id; NotFound."""
        return await self._restore(f"/x/flows/{_quoted(flow_id)}/restore")

    async def restore_source(self, source_id: str) -> list[TrashEntry]:
        """Restore the flows that the last deletion of a source took along; NotFound."""
        return await self._restore(f"/x/sources/{_quoted(source_id)}/restore")

    async def restore(self, entry_id: str) -> list[TrashEntry]:
        """Restore an entry with all others of its operation; NotFound."""
        return await self._restore(f"/x/trash/{_quoted(entry_id)}/restore")

    async def purge(self, entry_id: str) -> bool:
        """Purge an entry; True if the rest is purged in the background. NotFound."""
        answer = await self._api.call("DELETE", f"/x/trash/{_quoted(entry_id)}", repeatable=True)
        return answer.status_code == HTTPStatus.ACCEPTED

    async def _restore(self, path: str) -> list[TrashEntry]:
        answer = await self._api.call("POST", path, repeatable=False)
        return codec.decode(answer.content, list[TrashEntry])


def _quoted(identifier: str) -> str:
    return quote(identifier, safe="")
