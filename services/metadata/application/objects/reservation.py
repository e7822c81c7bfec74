"""Reserves new objects for flows. Of each reservation all objects are reserved, or none."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, cast

from services.metadata.application.access import require_owning_flow
from services.metadata.application.audit.recording import record
from services.metadata.application.classes.seeing import whole
from services.metadata.application.clock import Moment
from services.metadata.application.objects.storage_backends import check_storage
from services.metadata.application.ports import Tables
from services.metadata.domain.flows.flow import StoredFlow
from services.metadata.domain.ids import FlowId, ObjectId, StorageId
from services.metadata.domain.objects.object import MediaObject, Place, State, check_id, check_place
from services.shared.errors import AlreadyExists, InvalidArgument, TamsError


class Reservation(NamedTuple):
    """Objects to reserve for a flow. `request_id` is that of the request; empty for that of the call."""

    flow_id: str
    places: Sequence[Place]
    request_id: str = ""

    def at(self, now: Moment) -> Moment:
        """The moment of a call, with the id of this request."""
        if not self.request_id or now.trail is None:
            return now
        return now._replace(trail=now.trail._replace(request_id=self.request_id))


class _Known(NamedTuple):
    """The storage backends, and the ids of objects that exist or are reserved in this change."""

    backends: Collection[StorageId]
    taken: set[ObjectId]


def fault_of(reservation: Reservation) -> InvalidArgument | None:
    """InvalidArgument BAD_OBJECT if an id or a place is not valid."""
    try:
        for object_id, storage_id, path in reservation.places:
            check_id(object_id, "BAD_OBJECT", "$.object_ids")
            check_place(storage_id, path, "BAD_OBJECT", "$")
    except InvalidArgument as error:
        return error
    return None


def reserve(tables: Tables, reservations: Sequence[Reservation], now: Moment) -> list[str | TamsError]:
    """The container of the flow of each reservation, or the error that refuses it as a whole.

    The errors are InvalidArgument UNKNOWN_STORAGE, AlreadyExists OBJECT_EXISTS, and those of
    `require_owning_flow`. The places are checked already.
    """
    flow_ids = dict.fromkeys(reservation.flow_id for reservation in reservations)
    flows = {flow_id: _owning_flow(tables, flow_id) for flow_id in flow_ids}
    tables = whole(tables)
    known = _known(tables, reservations, flows)
    new_objects: list[MediaObject] = []
    results: list[str | TamsError] = []
    for reservation in reservations:
        flow = flows[reservation.flow_id]
        if isinstance(flow, TamsError):
            results.append(flow)
            continue
        try:
            new_objects += _new_objects(flow.id, reservation.places, known)
        except TamsError as error:
            results.append(error)
            continue
        facts = {"count": len(reservation.places)}
        record(tables, reservation.at(now), "objects.reserve", f"flow:{flow.id}", facts)
        results.append(flow.container)
    tables.objects.add(new_objects)
    return results


def _owning_flow(tables: Tables, flow_id: str) -> StoredFlow | TamsError:
    try:
        return require_owning_flow(tables, flow_id)
    except TamsError as error:
        return error


def _known(
    tables: Tables,
    reservations: Sequence[Reservation],
    flows: Mapping[str, StoredFlow | TamsError],
) -> _Known:
    ids = {
        cast("ObjectId", place.object_id)
        for reservation in reservations
        if not isinstance(flows[reservation.flow_id], TamsError)
        for place in reservation.places
    }
    if not ids:
        return _Known((), set())
    return _Known(tables.storage_backends.all(), set(tables.objects.get_many(ids)))


def _new_objects(flow_id: FlowId, places: Sequence[Place], known: _Known) -> list[MediaObject]:
    """The objects at the places, whose ids are then taken."""
    checked = cast("Sequence[tuple[ObjectId, StorageId, str]]", places)
    for storage_id in {storage_id for _, storage_id, _ in checked}:
        check_storage(storage_id, known.backends)
    ids = {object_id for object_id, _, _ in checked}
    if len(ids) < len(checked):
        raise AlreadyExists("an object id is repeated in the request", reason="OBJECT_EXISTS")
    if existing := ids & known.taken:
        raise AlreadyExists(f"object {min(existing)!r} exists", reason="OBJECT_EXISTS")
    known.taken.update(ids)
    return [MediaObject(*place, State.ALLOCATED, flow_id) for place in checked]
