"""Sources."""

from typing import Final

from gateway.openapi import parameters
from gateway.openapi.describe import PAGED, ok, operation
from gateway.openapi.operations import properties
from gateway.openapi.parts import Part

OPERATIONS: Final[dict[str, dict[str, Part]]] = {
    "/sources": {
        "get": operation(
            "listSources",
            "Sources that pass all filters",
            ok("Sources", "One page.", PAGED),
            takes=(parameters.LABEL, parameters.FORMAT, *parameters.TAGS, *parameters.PAGING),
            fails=(400,),
        )
    },
    "/sources/{sourceId}": {
        "get": operation("getSource", "One source", ok("Source", "The source."), fails=(404,))
    },
    **properties.of("Source", "/sources/{sourceId}", "description", "label"),
}
