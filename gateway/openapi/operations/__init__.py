"""What each operation does, takes and answers, by path and method in the order of the route table."""

from typing import Final

from gateway.openapi.operations import (
    administration,
    analytics,
    deletion_requests,
    extensions,
    flows,
    objects,
    segments,
    self_description,
    service,
    sources,
)
from gateway.openapi.parts import Part

Paths = dict[str, dict[str, Part]]


def _tagged(tag: str, paths: Paths) -> Paths:
    return {
        path: {method: {**one, "tags": [tag]} for method, one in methods.items()}
        for path, methods in paths.items()
    }


OPERATIONS: Final[Paths] = {
    **_tagged("Service", service.OPERATIONS),
    **_tagged("Sources", sources.OPERATIONS),
    **_tagged("Flows", flows.OPERATIONS),
    **_tagged("Segments", segments.OPERATIONS),
    **_tagged("Objects", objects.OPERATIONS),
    **_tagged("Deletions", deletion_requests.OPERATIONS),
    **_tagged("Extensions", extensions.OPERATIONS | analytics.OPERATIONS | administration.OPERATIONS),
    **_tagged("This process", self_description.OPERATIONS),
}
