"""Every schema of the document by name."""

from typing import Final

from gateway.openapi.parts import Part
from gateway.openapi.schemas import (
    administration,
    analytics,
    batch,
    deletion_request,
    essence,
    flow,
    segment,
    service,
    source,
    storage,
    values,
    webhook,
)

SCHEMAS: Final[Part] = {
    **values.SCHEMAS,
    **service.SCHEMAS,
    **webhook.SCHEMAS,
    **source.SCHEMAS,
    **essence.SCHEMAS,
    **flow.SCHEMAS,
    **segment.SCHEMAS,
    **storage.SCHEMAS,
    **deletion_request.SCHEMAS,
    **batch.SCHEMAS,
    **analytics.SCHEMAS,
    **administration.SCHEMAS,
}
