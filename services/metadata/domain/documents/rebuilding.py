"""Rebuilds lost documents of flows and sources from their columns, tags and collections."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from services.metadata.domain.documents.jsons import ENCODE, Members
from services.metadata.domain.documents.version import next_version

# The advice for a lost document that a repair can rebuild.
LOST: Final = "a repair writes it again from the columns, without members that only the document had"
_DATA: Final = "urn:x-nmos:format:data"


class FlowColumns(NamedTuple):
    """The columns of a flow; empty or None for members that the flow does not have. Sizes are in pixels."""

    id: str
    source_id: str
    format: str
    codec: str
    container: str
    label: str | None
    frame_width: int | None
    frame_height: int | None
    read_only: bool


def rebuilt_flow(
    columns: FlowColumns,
    tags: Mapping[str, str],
    collection: Sequence[tuple[str, str]],
    now: str,
    remaining: Members | None = None,
) -> bytes:
    """The document of a flow. `collection` has the ids and roles of its members, `now` is RFC 3339 text.

    `remaining` has the members that are left of the old document. The result may lack members that flows of
    the format must have, because their values are lost.
    """
    other_members = {"created": now, **_essence(columns), **(remaining or {})}
    other_members["metadata_updated"] = now
    from_columns = {
        "id": columns.id,
        "source_id": columns.source_id,
        "format": columns.format,
        "codec": columns.codec,
        "container": columns.container,
        "label": columns.label,
        "read_only": columns.read_only,
        "tags": dict(tags),
        "flow_collection": [{"id": member, "role": role} for member, role in collection],
    }
    members = {**other_members, **{name: value for name, value in from_columns.items() if value}}
    members["metadata_version"] = next_version(members, None)
    return ENCODE(members)


def rebuilt_source(
    source_id: str, format_urn: str, label: str | None, tags: Mapping[str, str], now: str
) -> bytes:
    """The document of a source. `now` is RFC 3339 text."""
    members: Members = {"id": source_id, "format": format_urn, "created": now, "updated": now}
    members |= {"label": label} if label is not None else {}
    return ENCODE(members | ({"tags": dict(tags)} if tags else {}))


def _essence(columns: FlowColumns) -> Members:
    if columns.frame_width is not None:
        size = {"frame_width": columns.frame_width, "frame_height": columns.frame_height}
        return {"essence_parameters": size}
    return {"essence_parameters": {}} if columns.format == _DATA else {}
