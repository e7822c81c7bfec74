"""Deletions that go on after their request."""

from typing import Final

from gateway.openapi.describe import ok, operation
from gateway.openapi.parts import Part

OPERATIONS: Final[dict[str, dict[str, Part]]] = {
    "/flow-delete-requests": {
        "get": operation(
            "listDeletionRequests", "The latest deletions", ok("DeletionRequests", "The deletions.")
        )
    },
    "/flow-delete-requests/{requestId}": {
        "get": operation(
            "getDeletionRequest",
            "How far a deletion is",
            ok("DeletionRequest", "The deletion."),
            fails=(404,),
        )
    },
}
