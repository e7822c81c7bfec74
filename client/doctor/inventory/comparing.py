"""Compares the objects of the tables with those of object storage.

The tables are read first. An object that is stored later than that is skipped, because its row may be newer.
Objects that seem lost are looked up in the tables once more, because they may have been deleted meanwhile.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import msgspec

from client.doctor.inventory.places import Place, Places, open_places
from client.local import commands
from client.local.errors import CannotRun

T = TypeVar("T")

# Clocks of object storage may be wrong by this, as signed requests are refused beyond.
_SKEW_MS: Final = 15 * 60 * 1000


class Difference(msgspec.Struct, frozen=True):
    """An object that is missing on one side, with its place.

    `lost`: segments use it, and its bytes are not there. `left_over`: bytes of no object in the tables, with
    their size and without an `object_id`.
    """

    kind: Literal["lost", "left_over"]
    bucket: str
    key: str
    object_id: str | None = None
    size: int | None = None


@dataclass
class Inventory:
    """The numbers of objects that were compared, and of those that could not be."""

    rows: int = 0
    stored: int = 0
    lost: int = 0
    left_over: int = 0
    left_over_bytes: int = 0
    # Stored while the comparison ran, or shortly before.
    recent: int = 0
    # Rows with a backend that is not configured, or a key outside its prefix, which is not listed.
    unlisted: int = 0


class _Backend(msgspec.Struct, array_like=True):
    storage_id: str
    bucket: str
    prefix: str


class _Row(msgspec.Struct, array_like=True):
    object_id: str
    storage_id: str
    key: str
    is_registered: bool


class _Stored(msgspec.Struct, array_like=True):
    bucket: str
    key: str
    size: int
    modified_ms: int


def compare(env: Mapping[str, str], inventory: Inventory) -> Iterator[Difference]:
    """The differences, as they are found; `inventory` counts. CannotRun if a side cannot be read.

    The settings in `env` name the tables and the storage configuration, as for a local store.
    """
    backends = [_decoded(line, _Backend) for line in commands.run("media", ("backends",), env).splitlines()]
    by_id = {backend.storage_id: backend for backend in backends}
    begun_ms = time.time_ns() // 1_000_000 - _SKEW_MS
    with open_places() as places:
        inventory.rows = places.add(_rows(by_id, inventory, env))
        yield from _left_over(places, begun_ms, inventory, env)
        if places.has_needed():
            places.keep(_rows(by_id, Inventory(), env))
            yield from _lost(places, inventory)


def _rows(backends: Mapping[str, _Backend], inventory: Inventory, env: Mapping[str, str]) -> Iterator[Place]:
    with commands.lines("metadata", ("objects",), env) as lines:
        for line in lines:
            row = _decoded(line, _Row)
            backend = backends.get(row.storage_id)
            if backend is None or not row.key.startswith(backend.prefix):
                inventory.unlisted += 1
            else:
                yield Place(backend.bucket, row.key, row.object_id, row.is_registered)


def _left_over(
    places: Places, begun_ms: int, inventory: Inventory, env: Mapping[str, str]
) -> Iterator[Difference]:
    with commands.lines("media", ("objects",), env) as lines:
        for line in lines:
            stored = _decoded(line, _Stored)
            inventory.stored += 1
            if places.take(stored.bucket, stored.key):
                continue
            if stored.modified_ms >= begun_ms:
                inventory.recent += 1
                continue
            inventory.left_over += 1
            inventory.left_over_bytes += stored.size
            yield Difference("left_over", stored.bucket, stored.key, size=stored.size)


def _lost(places: Places, inventory: Inventory) -> Iterator[Difference]:
    for place in places.needed():
        inventory.lost += 1
        yield Difference("lost", place.bucket, place.key, place.object_id)


def _decoded(line: bytes | str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.DecodeError as error:
        raise CannotRun(f"a service of another version lists the objects: {error}") from None
