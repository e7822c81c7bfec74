"""What each operation does, takes and answers, by path and method in the order of the route table."""

from typing import Final

from gateway.openapi.operations import (
    analytics,
    deletion_requests,
    flows,
    objects,
    segments,
    self_description,
    service,
    sources,
)
from gateway.openapi.parts import Part

OPERATIONS: Final[dict[str, dict[str, Part]]] = {
    **service.OPERATIONS,
    **sources.OPERATIONS,
    **flows.OPERATIONS,
    **segments.OPERATIONS,
    **objects.OPERATIONS,
    **deletion_requests.OPERATIONS,
    **analytics.OPERATIONS,
    **self_description.OPERATIONS,
}
