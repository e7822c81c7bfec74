"""Several things in one request: extensions of this implementation."""

from typing import Final

from gateway.openapi.describe import CHANGE, done, ok, operation
from gateway.openapi.parts import Part

_EACH: Final = (
    " Items are taken in order, each stored whole or not at all whatever becomes of the others. After a "
    "status of 429 or 5xx some may be stored: repeating the request is harmless."
)


def _bulk_tags(resource: str) -> dict[str, Part]:
    thing, fails = f"a {resource.lower()}", CHANGE[resource]
    return {
        "put": operation(
            f"putAll{resource}Tags",
            f"Give {thing} these tags and no others, all of them or none",
            done("It has these tags."),
            body="Tags",
            fails=fails,
        ),
        "post": operation(
            f"set{resource}Tags",
            f"Set these tags of {thing} besides those it has, all of them or none",
            done("They are set."),
            body="Tags",
            fails=fails,
        ),
        "delete": operation(
            f"deleteAll{resource}Tags", f"Unset all tags of {thing}", done("It has no tags."), fails=fails[1:]
        ),
    }


OPERATIONS: Final[dict[str, dict[str, Part]]] = {
    "/x/sources/batch": {
        "post": operation(
            "batchChangeSources",
            "Label, describe and tag many sources; sources come into being with their flows",
            ok("BatchResults", "What became of each."),
            body="SourceChanges",
            fails=(400,),
        )
        | {"description": "What an item does not name stays as it is." + _EACH}
    },
    "/x/sources/{sourceId}/tags": _bulk_tags("Source"),
    "/x/flows/batch": {
        "post": operation(
            "batchPutFlows",
            "Create or replace many flows, and so create their sources",
            ok("BatchResults", "What became of each."),
            body="NewFlows",
            fails=(400,),
        )
        | {"description": "A flow may collect flows that come before it." + _EACH}
    },
    "/x/flows/{flowId}/tags": _bulk_tags("Flow"),
}
