"""The analytics extension."""

from typing import Final

from gateway.openapi import parameters
from gateway.openapi.describe import READ, ok, operation
from gateway.openapi.parts import Part

OPERATIONS: Final[dict[str, dict[str, Part]]] = {
    "/x/analytics/flows/{flowId}/coverage": {
        "get": operation(
            "getCoverage",
            "Where a flow has media and where it has gaps",
            ok("Coverage", "The coverage."),
            takes=parameters.COVERAGE,
            fails=READ,
        )
    },
    "/x/analytics/storage-usage": {
        "get": operation("getStorageUsage", "What is stored where", ok("StorageUsage", "The usage."))
    },
}
