"""The routes of copies of objects on further storage backends."""

from collections.abc import Sequence
from typing import Final, Literal
from urllib.parse import quote

import msgspec

from client.api import codec
from client.api.connection import Connection
from client.api.models import Problem

_PATH: Final = "/x/admin/object-copies"
# The most objects of one call.
MAX_OBJECTS: Final = 100


class ObjectCopy(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of an object. `changed` is RFC 3339 text, absent for the first copy."""

    storage_id: str
    storage_path: str
    state: str
    changed: str | None = None


class CopyResult(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome for one object: whether its copy is complete, and the bytes that the call copied."""

    object_id: str
    state: Literal["stored", "copying", "failed"]
    bytes: int = 0
    error: Problem | None = None


class _Results(msgspec.Struct, frozen=True):
    results: list[CopyResult]


class ObjectCopies:
    """The copies of objects. Changes are Forbidden where the store does not offer administration."""

    def __init__(self, api: Connection) -> None:
        self._api = api

    async def list(self, object_id: str) -> list[ObjectCopy]:
        """The copies of an object, first that at its own place; NotFound."""
        answer = await self._api.get(f"/x/objects/{quote(object_id, safe='')}/copies")
        return codec.decode(answer.content, list[ObjectCopy])

    async def copy(
        self, object_ids: Sequence[str], storage_id: str, *, move: bool = False
    ) -> Sequence[CopyResult]:
        """Copy up to MAX_OBJECTS objects to a backend, or move them there; the outcome of each, in order.

        Repeat the call until no object is `copying`.
        """
        body = {"object_ids": list(object_ids), "storage_id": storage_id, "move": move}
        answer = await self._api.call("POST", _PATH, body, repeatable=True)
        return codec.decode(answer.content, _Results).results

    async def delete(self, object_id: str, storage_id: str) -> None:
        """Delete the copy on a backend; NotFound, InvalidRequest if it is the last one."""
        params = {"object_id": object_id, "storage_id": storage_id}
        await self._api.call("DELETE", _PATH, params=params, repeatable=True)
