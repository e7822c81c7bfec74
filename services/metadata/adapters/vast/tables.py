"""All tables as one transaction sees them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from services.metadata.adapters.vast.accounts import VastApiKeys, VastUsers
from services.metadata.adapters.vast.changes import Changes
from services.metadata.adapters.vast.flows.flows import VastFlows
from services.metadata.adapters.vast.objects.accesses import VastAccesses
from services.metadata.adapters.vast.objects.copies import VastCopies
from services.metadata.adapters.vast.objects.objects import VastObjects
from services.metadata.adapters.vast.reading.cache import RowCache
from services.metadata.adapters.vast.reading.snapshot import Snapshot
from services.metadata.adapters.vast.reading.view import View
from services.metadata.adapters.vast.segments.segments import VastSegments
from services.metadata.adapters.vast.sources import VastSources
from services.metadata.adapters.vast.work.audit import VastAudit
from services.metadata.adapters.vast.work.deletion_requests import VastDeletions
from services.metadata.adapters.vast.work.events import VastEvents
from services.metadata.adapters.vast.work.loads import VastLoads
from services.metadata.adapters.vast.work.service_info import VastServiceInfo
from services.metadata.adapters.vast.work.storage_backends import VastStorageBackends
from services.metadata.adapters.vast.work.trash import VastTrash
from services.metadata.adapters.vast.work.webhooks import VastWebhooks
from services.vast_client.cluster import Cluster

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class VastTables:
    """All tables as one transaction sees them."""

    sources: VastSources
    flows: VastFlows
    segments: VastSegments
    objects: VastObjects
    accesses: VastAccesses
    copies: VastCopies
    events: VastEvents
    webhooks: VastWebhooks
    deletions: VastDeletions
    trash: VastTrash
    service_info: VastServiceInfo
    loads: VastLoads
    storage_backends: VastStorageBackends
    audit: VastAudit
    users: VastUsers
    api_keys: VastApiKeys
    view: View

    def savepoint(self, change: Callable[[], T]) -> T:
        """The result of `change`, a part of the transaction. If it raises, only its writes are undone."""
        return self.view.apart(change)

    @classmethod
    def of(cls, cluster: Cluster, answers: Snapshot | RowCache, changes: Changes) -> "VastTables":
        """The tables of a cluster, read from `answers` and from the changes of this transaction."""
        statistics = cluster.catalog.statistics
        return cls.on(View(answers, changes), lambda table: statistics(table).rows)

    @classmethod
    def on(cls, view: View, count: Callable[[str], int]) -> "VastTables":
        """The tables on a view. `count` estimates the number of rows of a table."""
        return cls(
            VastSources(view, count),
            VastFlows(view, count),
            VastSegments(view),
            VastObjects(view),
            VastAccesses(view),
            VastCopies(view),
            VastEvents(view),
            VastWebhooks(view),
            VastDeletions(view),
            VastTrash(view),
            VastServiceInfo(view),
            VastLoads(view),
            VastStorageBackends(view),
            VastAudit(view),
            VastUsers(view),
            VastApiKeys(view),
            view,
        )
