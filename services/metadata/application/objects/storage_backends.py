"""Storage backends: their ids and labels, which the media service registers here."""

from collections.abc import Collection, Mapping
from typing import Final, cast

from services.metadata.application.ports import Store
from services.metadata.domain.ids import StorageId, is_storage_id
from services.metadata.domain.objects.external_url import MAX_LABEL
from services.shared.errors import InvalidArgument

_MAX_BACKENDS: Final = 1000


class StorageBackends:
    """The storage backends for objects. External URLs of segments must not have their labels."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def register(self, labels: Mapping[str, str], count: int) -> None:
        """Replace the stored backends. `labels` has their labels by id, `count` is the number that was sent.

        InvalidArgument BAD_STORAGE_BACKEND or TOO_MANY_ITEMS.
        """
        if count > _MAX_BACKENDS:
            raise InvalidArgument(f"at most {_MAX_BACKENDS} storage backends", reason="TOO_MANY_ITEMS")
        if len(labels) < count:
            raise _refuse("an id is repeated")
        if not all(map(is_storage_id, labels)):
            raise _refuse("an id is not a lower-case UUID of version 1 to 5")
        if any(not 0 < len(label) <= MAX_LABEL or "\0" in label for label in labels.values()):
            raise _refuse(f"a label has 1 to {MAX_LABEL} characters and no NUL")
        backends = cast("Mapping[StorageId, str]", labels)
        if await self._store.read(lambda tables: tables.storage_backends.all()) != backends:
            await self._store.write(lambda tables: tables.storage_backends.replace(backends))


def check_storage(storage_id: StorageId, backends: Collection[StorageId]) -> None:
    """InvalidArgument UNKNOWN_STORAGE unless the id is one of the backends. Without backends all ids pass."""
    if backends and storage_id not in backends:
        raise InvalidArgument(
            f"no storage backend has the id {storage_id[:64]!r}",
            reason="UNKNOWN_STORAGE",
            path="$.storage_id",
        )


def _refuse(problem: str) -> InvalidArgument:
    return InvalidArgument(problem, reason="BAD_STORAGE_BACKEND")
