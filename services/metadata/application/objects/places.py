"""Lists the objects and copies of a storage backend in the order of their keys, as its bucket does."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from services.metadata.application.pages import MAX_PAGE, Page, make_page
from services.metadata.application.ports import Store
from services.metadata.domain.objects.object import PlacedObject
from services.shared.errors import InvalidArgument
from services.shared.paging import decode_token, page_size

_LISTING: Final = "object places"
MAX_PATHS: Final = 1000
MAX_BACKENDS: Final = 100


class _Place(NamedTuple):
    """The last object of a page, in a token."""

    storage_path: str
    object_id: str


class Places:
    """The places of objects and copies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, storage_ids: Sequence[str], paths: Sequence[str]) -> list[PlacedObject]:
        """The objects and copies with one of the paths on one of the storage backends.

        InvalidArgument TOO_MANY_ITEMS.
        """
        if len(paths) > MAX_PATHS or len(storage_ids) > MAX_BACKENDS:
            raise InvalidArgument(
                f"at most {MAX_PATHS} paths on {MAX_BACKENDS} backends at once", reason="TOO_MANY_ITEMS"
            )
        return await self._store.scan(lambda tables: tables.objects.at(storage_ids, paths))

    async def list_page(
        self, storage_id: str, prefix: str, from_path: str, requested_size: int, token: str
    ) -> Page[PlacedObject]:
        """A page of the objects and copies on a backend with a prefix, whose path is not before `from_path`.

        InvalidArgument BAD_PAGE_TOKEN.
        """
        after = decode_token(token, _LISTING, _Place) or _Place(from_path, "")
        size = page_size(requested_size, default=MAX_PAGE, maximum=MAX_PAGE)
        rows = await self._store.scan(
            lambda tables: tables.objects.placed(storage_id, prefix, after, size + 1)
        )
        return make_page(rows, size, _LISTING, lambda row: row.place)
