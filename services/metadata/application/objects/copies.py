"""Copies of objects on further storage backends: begun, finished and retired, each object for itself."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeVar

from services.metadata.application.audit.recording import record
from services.metadata.application.classes.seeing import whole
from services.metadata.application.clock import Clock, Moment, authored_moment, moment
from services.metadata.application.objects.copy_places import (
    Copied,
    check_segments,
    copied_of,
    rewrite,
    write_copies,
)
from services.metadata.application.objects.objects import check_count, not_found
from services.metadata.application.objects.storage_backends import check_storage
from services.metadata.application.ports import Gathered, Slow, Store, Tables
from services.metadata.domain.audit import Facts
from services.metadata.domain.ids import StorageId, is_object_id
from services.metadata.domain.objects.copies import MAX_COPIES, Copy, CopyState, places_of
from services.metadata.domain.objects.object import MediaObject, Place, State, check_place
from services.shared.errors import Conflict, FailedPrecondition, NotFound, TamsError

T = TypeVar("T")

# A process that writes copies renews its lease more often.
LEASE_MS: Final = 5_000


class Begun(NamedTuple):
    """A copy to write, or one that exists or is being written.

    `is_busy` is True if another caller writes it, `is_first` if it is the object's own place. `sources` are
    the places of the stored copies to read from.
    """

    place: Place
    state: CopyState
    sources: Sequence[Place]
    is_busy: bool = False
    is_first: bool = False


class ObjectCopies:
    """The copies of objects. Each object keeps one that is stored."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def list(self, object_id: str) -> Copied:
        """A registered object with its copies. NotFound OBJECT_NOT_FOUND."""
        return await self._store.read(lambda tables: _registered(tables, object_id))

    async def begin(self, places: Sequence[Place]) -> Sequence[Begun | TamsError]:
        """Begin a copy at each place; for each the copy, or the error that refuses it.

        NotFound OBJECT_NOT_FOUND, InvalidArgument BAD_OBJECT or UNKNOWN_STORAGE, FailedPrecondition
        TOO_MANY_COPIES or TOO_MANY_SEGMENTS, Conflict COPY_BEING_DELETED. For all of them InvalidArgument
        TOO_MANY_ITEMS.
        """
        check_count(len(places))
        now = moment(self._clock)
        return await self._each(places, lambda tables, place: _begin(tables, place, now.ms))

    async def renew(self, places: Sequence[Place]) -> Sequence[Place]:
        """Renew the leases on copies; returns those that are still to be written.

        InvalidArgument TOO_MANY_ITEMS.
        """
        check_count(len(places))
        now = moment(self._clock)
        results = await self._each(places, lambda tables, place: _renew(tables, place, now.ms))
        return [place for place, renewed in zip(places, results, strict=True) if renewed is True]

    async def finish(self, places: Sequence[Place], *, move: bool) -> Sequence[TamsError | None]:
        """Mark copies as stored; with `move` each becomes the place of its object.

        For each None, or NotFound OBJECT_NOT_FOUND or COPY_NOT_FOUND, FailedPrecondition TOO_MANY_SEGMENTS.
        InvalidArgument TOO_MANY_ITEMS for all of them.
        """
        check_count(len(places))
        now = authored_moment(self._clock)
        return await self._each(places, lambda tables, place: _finish(tables, place, now, move=move))

    async def retire(self, object_id: str, storage_id: str) -> None:
        """Retire the copy of a registered object on a backend.

        NotFound OBJECT_NOT_FOUND or COPY_NOT_FOUND, FailedPrecondition LAST_COPY or TOO_MANY_SEGMENTS.
        """
        now = authored_moment(self._clock)

        def change(tables: Tables) -> None:
            copied = _registered(tables, object_id)
            tables = whole(tables)
            if (after := _without(copied, storage_id, now.ms)) is not None:
                rewrite(tables, copied, after)
                facts = {"storage": storage_id[:64]}
                record(tables, now, "copies.delete", f"object:{copied.item.id}", facts)

        await self._store.write(Slow(change))

    async def _each(
        self, places: Sequence[Place], rule: Callable[[Tables, Place], T]
    ) -> Sequence[T | TamsError]:
        """The result of a rule for each place, or its error. A rule raises before it writes."""

        def one(tables: Tables, place: Place) -> T | TamsError:
            try:
                return rule(tables, place)
            except TamsError as error:
                return error

        def change(tables: Tables) -> list[T | TamsError]:
            return [one(tables, place) for place in places]

        return await self._store.write(Gathered(change, [partial(one, place=place) for place in places]))


def _begin(tables: Tables, place: Place, now_ms: int) -> Begun:
    copied = _registered(tables, place.object_id)
    item, tables = copied.item, whole(tables)
    if item.storage_id is None or item.storage_path is None:
        raise not_found(place.object_id)
    check_place(place.storage_id, place.storage_path, "BAD_OBJECT", "$")
    storage_id = StorageId(place.storage_id)
    check_storage(storage_id, tables.storage_backends.all())
    sources = [Place(item.id, *source) for source in copied.stored_places()]
    if item.storage_id == storage_id:
        return Begun(Place(item.id, storage_id, item.storage_path), CopyState.STORED, sources, is_first=True)
    known = copied.copies.get(storage_id) or _new_copy(copied, storage_id, place.storage_path, now_ms)
    begun = Begun(Place(item.id, storage_id, known.storage_path), CopyState.COPYING, sources)
    if known.state is CopyState.RECLAIMED:
        raise Conflict(
            f"a copy of object {item.id[:64]!r} on this backend is being deleted; try again later",
            reason="COPY_BEING_DELETED",
        )
    if known.state is CopyState.STORED:
        return begun._replace(state=CopyState.STORED)
    if known.is_leased(now_ms):
        return begun._replace(is_busy=True)
    check_segments(tables, item.id)
    write_copies(tables, item, [_leased(known, now_ms)])
    return begun


def _new_copy(copied: Copied, storage_id: StorageId, path: str, now_ms: int) -> Copy:
    if len(copied.copies) >= MAX_COPIES:
        raise FailedPrecondition(
            f"object {copied.item.id[:64]!r} has {MAX_COPIES} copies; delete one", reason="TOO_MANY_COPIES"
        )
    return Copy(copied.item.id, storage_id, path, CopyState.COPYING, now_ms, now_ms)


def _leased(copy: Copy, now_ms: int) -> Copy:
    return copy._replace(state=CopyState.COPYING, changed_ms=now_ms, lease_until_ms=now_ms + LEASE_MS)


def _renew(tables: Tables, place: Place, now_ms: int) -> bool:
    item = _get(tables, place.object_id)
    if item is None or item.state is State.RECLAIMED:
        return False
    copied = copied_of(whole(tables), item)
    if copied.state_at(place.storage_id) is not CopyState.COPYING:
        return False
    known = copied.copies[StorageId(place.storage_id)]
    write_copies(whole(tables), copied.item, [_leased(known, now_ms)])
    return True


def _finish(tables: Tables, place: Place, now: Moment, *, move: bool) -> None:
    tables = whole(tables)
    copied = _kept(tables, place.object_id)
    if copied.item.storage_id == place.storage_id:
        return
    state = copied.state_at(place.storage_id)
    if state not in (CopyState.COPYING, CopyState.STORED):
        raise _copy_not_found(place.object_id)
    if state is CopyState.STORED and not move:
        return
    known = copied.copies[StorageId(place.storage_id)]
    stored = known._replace(state=CopyState.STORED, changed_ms=now.ms, lease_until_ms=0)
    rewrite(tables, copied, copied.moved_to(stored, now.ms) if move else copied.with_copy(stored))
    facts: Facts = {"storage": place.storage_id[:64], "move": move}
    record(tables, now, "copies.put", f"object:{copied.item.id}", facts)


def _without(copied: Copied, storage_id: str, now_ms: int) -> Copied | None:
    """The object without its copy on a backend; None if that is retired already."""
    item, copies = copied
    if item.storage_id == storage_id:
        oldest = next(iter(places_of(copies.values())), None)
        if oldest is None:
            raise FailedPrecondition(f"object {item.id[:64]!r} has no other stored copy", reason="LAST_COPY")
        return copied.moved_to(copies[oldest.storage_id], now_ms)
    known = copies.get(StorageId(storage_id))
    if known is None:
        raise _copy_not_found(item.id)
    if known.state in (CopyState.RETIRED, CopyState.RECLAIMED):
        return None
    return copied.with_copy(known._replace(state=CopyState.RETIRED, changed_ms=now_ms, lease_until_ms=0))


def _registered(tables: Tables, object_id: str) -> Copied:
    """A registered object that the caller sees."""
    item = _get(tables, object_id)
    if item is None or item.state is not State.REGISTERED:
        raise not_found(object_id)
    return copied_of(whole(tables), item)


def _kept(tables: Tables, object_id: str) -> Copied:
    """An object whose bytes are not being deleted."""
    item = _get(tables, object_id)
    if item is None or item.state is State.RECLAIMED:
        raise not_found(object_id)
    return copied_of(tables, item)


def _get(tables: Tables, object_id: str) -> MediaObject | None:
    return tables.objects.get_many([object_id]).get(object_id) if is_object_id(object_id) else None


def _copy_not_found(object_id: str) -> NotFound:
    return NotFound(f"object {object_id[:64]!r} has no such copy", reason="COPY_NOT_FOUND")
