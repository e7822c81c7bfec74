"""Checks of objects: one row each, with the state and count that their segments give."""

from typing import Final

from services.metadata.adapters.vast.examination.duplicates import duplicates
from services.metadata.adapters.vast.objects.counting import counted_objects
from services.metadata.adapters.vast.tables import VastTables
from services.metadata.application.ports.examination import Inconsistency
from services.metadata.domain.ids import ObjectId
from services.metadata.domain.objects.object import State

_REFERENCE: Final = ("flow", "object_id")


def check(tables: VastTables, object_id: str) -> list[Inconsistency]:
    """The findings about the rows of an object: their number, state and count of segments."""
    rows = tables.view.lookup("objects", "id", object_id)
    found = duplicates("objects", object_id, rows)
    used = tables.view.lookup("segments", "object_id", object_id, _REFERENCE)
    registered = [row for row in rows if row["state"] == str(State.REGISTERED)]
    if registered and not used:
        summary = "it is registered, but no segment uses it"
        found.append(Inconsistency("UNUSED_OBJECT", "objects", object_id, summary, mendable=True))
    if used and len(registered) < len(rows):
        found.append(_unregistered(object_id, str(rows[0]["state"])))
    if used and any(row["segments"] not in (None, len(used)) for row in rows):
        summary = f"{len(used)} segments use it, but another number was counted: it may be released too early"
        found.append(Inconsistency("OBJECT_SEGMENTS", "objects", object_id, summary, mendable=True))
    return found


def mend(tables: VastTables, object_id: str, kinds: set[str]) -> None:
    """Keep one row, a registered one if possible; release or register the object, or count its segments."""
    rows = sorted(
        tables.view.lookup("objects", "id", object_id),
        key=lambda row: (row["state"] != str(State.REGISTERED), row["created_ms"]),
    )
    if "DOUBLED_ROW" in kinds:
        tables.view.delete("objects", rows[1:])
    if "UNUSED_OBJECT" in kinds:
        unused = tables.objects.unreferenced([ObjectId(object_id)])
        for row in counted_objects(tables.view, unused).get(object_id, []):
            tables.view.update("objects", row, segments=0)
        tables.objects.release(unused)
    if "OBJECT_STATE" in kinds:
        used = tables.view.lookup("segments", "object_id", object_id, _REFERENCE)
        flows = tables.view.lookups("flows", "timeline", [row["flow"] for row in used], ("id", "timeline"))
        first = next((row["id"] for found in flows.values() for row in found), None)
        tables.objects.register([object_id], first or "")
    if "OBJECT_SEGMENTS" in kinds:
        used = tables.view.lookup("segments", "object_id", object_id, _REFERENCE)
        for row in tables.view.lookup("objects", "id", object_id):
            tables.view.update("objects", row, segments=len(used))


def _unregistered(object_id: str, state: str) -> Inconsistency:
    lost = state == str(State.RECLAIMED)
    advice = "its bytes were removed: delete the segments that use it" if lost else ""
    summary = f"segments use it, but its state is {state}"
    return Inconsistency("OBJECT_STATE", "objects", object_id, summary, not lost, advice)
