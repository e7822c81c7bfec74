"""Segments of a flow, and storage for new ones."""

from typing import Final

from gateway.openapi import parameters, responses
from gateway.openapi.describe import READ, WRITE, accepted, created, done, ok, operation
from gateway.openapi.parts import Part

OPERATIONS: Final[dict[str, dict[str, Part]]] = {
    "/flows/{flowId}/segments": {
        "get": operation(
            "listSegments",
            "Segments of a flow, with URLs to read them; none for an unknown flow",
            ok("Segments", "One page.", responses.SEGMENT_HEADERS),
            takes=(*parameters.SEGMENT_FILTERS, *parameters.PAGING),
            fails=READ,
        ),
        "post": operation(
            "createSegments",
            "Register segments whose objects are uploaded",
            created("All are stored.") | ok("FailedSegments", "Some of a list are not stored."),
            body="NewSegments",
            fails=WRITE,
        ),
        "delete": operation(
            "deleteSegments",
            "Delete segments; those only partly in the range stay whole",
            done("They are gone, or there were none.") | accepted(),
            takes=parameters.DELETED_RANGE,
            fails=WRITE,
        ),
    },
    "/flows/{flowId}/storage": {
        "post": operation(
            "allocateStorage",
            "New objects to upload media to",
            created("All are allocated.", "FlowStorage"),
            body="StorageRequest",
            body_required=False,
            fails=WRITE,
        )
    },
}
