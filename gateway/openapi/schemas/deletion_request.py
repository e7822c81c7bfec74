"""Deletion requests."""

from typing import Final

from gateway.codecs.deletion_request import STATUSES
from gateway.openapi.parts import Part, array, boolean, described, enum, record, ref, text

SCHEMAS: Final[Part] = {
    "DeletionRequest": record(
        "A deletion that goes on after the request that asked for it.",
        {
            "id": text("Its id."),
            "flow_id": described(ref("Id"), "The flow whose segments go."),
            "timerange_to_delete": described(ref("TimeRange"), "Segments that this range covers go."),
            "timerange_remaining": described(ref("TimeRange"), "What is still to go; `()` when done."),
            "delete_flow": boolean("Whether the flow itself was deleted."),
            "status": enum("How far it is.", *STATUSES.values()),
            "created": text("When it was asked for.", format="date-time"),
            "updated": text("When it last went on.", format="date-time"),
            "expiry": text("When this record goes.", format="date-time"),
            "error": described(ref("Error"), "Why it failed."),
        },
        required=("id", "flow_id", "timerange_to_delete", "delete_flow", "status"),
    ),
    "DeletionRequests": array(ref("DeletionRequest"), "The latest deletions, newest first."),
}
