"""Media objects."""

from typing import Final

from gateway.openapi import parameters
from gateway.openapi.describe import PAGED, READ, ok, operation
from gateway.openapi.parts import Part

OPERATIONS: Final[dict[str, dict[str, Part]]] = {
    "/objects/{objectId}": {
        "get": operation(
            "getObject",
            "One object and who uses it",
            ok("Object", "The object.", PAGED),
            takes=parameters.PAGING,
            fails=READ,
        )
    },
}
