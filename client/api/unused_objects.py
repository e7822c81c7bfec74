"""The route of objects whose bytes are to be deleted, where the store offers administration."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from client.api import codec
from client.api.connection import Connection

_PATH: Final = "/x/admin/unused-objects"
_PAGE: Final = 300


class UnusedObject(msgspec.Struct, frozen=True, kw_only=True):
    """An object whose bytes are to be deleted. `unused_since` is RFC 3339 text, `size` is in bytes."""

    id: str
    storage_id: str
    storage_path: str
    cause: str
    unused_since: str
    size: int | None = None


class Reclaimed(msgspec.Struct, frozen=True, kw_only=True):
    """The objects whose bytes were deleted, those that failed, and whether nothing more is due."""

    deleted: int
    failed: int
    complete: bool


class UnusedObjects:
    """The objects whose bytes are to be deleted; Forbidden where the store does not offer administration."""

    def __init__(self, api: Connection) -> None:
        self._api = api

    async def list(self) -> AsyncIterator[UnusedObject]:
        """Every one, in the order of their deletion."""
        async for page in self._api.pages(_PATH, {"limit": _PAGE}):
            for item in codec.decode(page.content, list[UnusedObject]):
                yield item

    async def reclaim(self) -> Reclaimed:
        """Delete the bytes of some of them now; repeat until it is complete or deletes nothing."""
        answer = await self._api.call("DELETE", _PATH, repeatable=True)
        return codec.decode(answer.content, Reclaimed)
