"""The route that compares objects with the buckets, where the store offers administration."""

from collections.abc import AsyncIterator
from typing import Final, Literal

import msgspec

from client.api import codec
from client.api.connection import Connection

_PATH: Final = "/x/admin/reconciliation"


class Difference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Missing bytes of an object that segments use, or of its stored copy; or bytes of no object and no copy.

    The first has an `object_id`, the others a `size` in bytes and when they were `modified`, RFC 3339 text.
    """

    kind: Literal["missing", "orphaned"]
    storage_id: str
    storage_path: str
    object_id: str | None = None
    size: int | None = None
    modified: str | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one request. `next` begins the next request; None if all was compared."""

    differences: list[Difference]
    stored: int
    objects: int
    recent: int
    next: str | None = None


class Reconciliation:
    """The comparison of objects and buckets; Forbidden where the store does not offer administration."""

    def __init__(self, api: Connection) -> None:
        self._api = api

    async def steps(self, begin: str | None = None) -> AsyncIterator[Step]:
        """Every step from the one that begins at a key on, or from the first one."""
        key = begin
        while True:
            step = codec.decode((await self._api.get(_PATH, {"page": key})).content, Step)
            yield step
            if step.next is None:
                return
            key = step.next
