"""All tables as one transaction sees them."""

from collections.abc import Callable
from dataclasses import dataclass

from services.metadata.adapters.vast.deletions import VastDeletions
from services.metadata.adapters.vast.events import VastEvents
from services.metadata.adapters.vast.flows import VastFlows
from services.metadata.adapters.vast.loads import VastLoads
from services.metadata.adapters.vast.objects import VastObjects
from services.metadata.adapters.vast.segments import VastSegments
from services.metadata.adapters.vast.service_info import VastServiceInfo
from services.metadata.adapters.vast.sources import VastSources
from services.metadata.adapters.vast.view import View
from services.metadata.adapters.vast.webhooks import VastWebhooks


@dataclass(frozen=True, slots=True)
class VastTables:
    """All tables as one transaction sees them."""

    sources: VastSources
    flows: VastFlows
    segments: VastSegments
    objects: VastObjects
    events: VastEvents
    webhooks: VastWebhooks
    deletions: VastDeletions
    service_info: VastServiceInfo
    loads: VastLoads

    @classmethod
    def on(cls, view: View, count: Callable[[str], int]) -> "VastTables":
        """The tables under a view; `count` tells about how many rows a table has."""
        return cls(
            VastSources(view, count),
            VastFlows(view, count),
            VastSegments(view),
            VastObjects(view),
            VastEvents(view),
            VastWebhooks(view),
            VastDeletions(view),
            VastServiceInfo(view),
            VastLoads(view),
        )
