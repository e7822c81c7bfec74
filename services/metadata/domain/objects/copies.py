"""Copies of objects on further storage backends, besides the place where an object was allocated."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from services.metadata.domain.documents.jsons import ENCODE
from services.metadata.domain.ids import ObjectId, StorageId

# The most copies of an object in any state, so that rows and lists of URLs stay small.
MAX_COPIES: Final = 8


class CopyState(StrEnum):
    """The state of a copy. Clients get URLs of stored copies alone."""

    COPYING = "copying"  # Its bytes are being written, or its copying was interrupted.
    STORED = "stored"  # Its bytes are complete.
    RETIRED = "retired"  # Its bytes wait to be reclaimed, until the URLs that lead to them have expired.
    RECLAIMED = "reclaimed"  # Its bytes are being deleted.


class Copy(NamedTuple):
    """A copy as the tables hold it. Times are in milliseconds since 1970.

    `lease_until_ms` is the time until which a process may be writing the bytes; 0 without such a process.
    """

    object_id: ObjectId
    storage_id: StorageId
    storage_path: str
    state: CopyState
    created_ms: int
    changed_ms: int
    lease_until_ms: int = 0

    def is_leased(self, now_ms: int) -> bool:
        """True if a process may be writing the bytes."""
        return self.state is CopyState.COPYING and self.lease_until_ms > now_ms


class CopyPlace(NamedTuple):
    """The storage backend and the key of the bytes of a stored copy."""

    storage_id: StorageId
    storage_path: str


def encoded_places(places: Sequence[CopyPlace]) -> str | None:
    """The places as a JSON array of pairs, as rows of objects and segments have them; None for no place."""
    return ENCODE(places).decode() if places else None


def decoded_places(text: str | None) -> list[CopyPlace]:
    """The places in the text of a row; none for a text that is damaged."""
    if text is None:
        return []
    try:
        return _places.decode(text)
    except msgspec.DecodeError:
        return []


def places_of(copies: Iterable[Copy]) -> list[CopyPlace]:
    """The places of those copies that are stored, the oldest first."""
    stored = [copy for copy in copies if copy.state is CopyState.STORED]
    in_order = sorted(stored, key=lambda copy: (copy.created_ms, copy.storage_id))
    return [CopyPlace(copy.storage_id, copy.storage_path) for copy in in_order]


_places: Final = msgspec.json.Decoder(list[CopyPlace])
