"""Deletion requests: deletions that outlast the call that asked for them (TAMS 7.0 deletion-request.json)."""

from enum import StrEnum

from msgspec import Struct

from services.shared.timerange import TimeRange


class Status(StrEnum):
    """How far a deletion is."""

    CREATED = "created"
    STARTED = "started"
    DONE = "done"
    ERROR = "error"


class Deletion(Struct, frozen=True):
    """A deletion that goes on in the background. Times are milliseconds since 1970.

    `row` names the flow's segments, which outlive a deleted flow: its id is free for a new flow at once.
    """

    id: str
    flow_id: str
    row: int
    whole: TimeRange
    remaining: TimeRange
    object_id: str | None
    delete_flow: bool
    status: Status
    created_ms: int
    updated_ms: int
    expiry_ms: int | None = None
    error: str | None = None
