"""The events that a subscriber must receive when the store changes from one state to another."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.support.models.store import Flow, StoreModel

# Members of a served flow or source that a client does not write.
DERIVED = (
    "created", "metadata_updated", "metadata_version", "segments_updated", "collected_by", "timerange",
    "updated", "source_collection",
)  # fmt: skip


@dataclass
class Change:
    """An expected event of a flow or source.

    `document` has the members that a client wrote. `segments` are the added or deleted ones, in order, each
    with its range and object; several events may report them.
    """

    key: str
    type: str
    document: dict[str, Any] | None = None
    segments: list[tuple[str, str]] = field(default_factory=list)


def changes(before: StoreModel, after: StoreModel) -> Iterator[Change]:
    """The events of one transaction."""
    for key in before.flows.keys() | after.flows.keys():
        yield from _of_flow(key, before.flows.get(key), after.flows.get(key))
    for key in before.sources.keys() | after.sources.keys():
        old, new = before.sources.get(key), after.sources.get(key)
        if new is None:
            yield Change(key, "sources/deleted")
        elif old is None:
            yield Change(key, "sources/created")
        elif new.writes != old.writes:
            tags = {"tags": new.tags} if new.tags else {}
            yield Change(key, "sources/updated", {"id": key, "format": new.format, **new.texts, **tags})


def _of_flow(key: str, old: Flow | None, new: Flow | None) -> Iterator[Change]:
    before, after = _segments(old), _segments(new)
    if added := [segment for segment in after if segment not in before]:
        yield Change(key, "flows/segments_added", segments=added)
    if deleted := [segment for segment in before if segment not in after]:
        yield Change(key, "flows/segments_deleted", segments=deleted)
    if new is None:
        yield Change(key, "flows/deleted")
    elif old is None:
        yield Change(key, "flows/created", new.document)
    elif new.writes != old.writes:
        yield Change(key, "flows/updated", new.document)


def _segments(flow: Flow | None) -> list[tuple[str, str]]:
    return [] if flow is None else [(segment.range.text, segment.object_id) for segment in flow.segments]
