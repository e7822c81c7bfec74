"""The interface of a table engine.

Rules are plain functions over `Tables`; the store decides where and how they run. A change runs in one
transaction: all its writes are committed, or none.
"""

from services.metadata.application.ports.access_table import AccessTable
from services.metadata.application.ports.account_tables import ApiKeyTable, UserTable
from services.metadata.application.ports.audit_table import AuditTable
from services.metadata.application.ports.copy_table import CopyTable
from services.metadata.application.ports.flow_tables import FlowTable, SourceTable
from services.metadata.application.ports.queries import (
    Collector,
    FlowFilter,
    Link,
    Removed,
    SegmentQuery,
    ServiceInfo,
    SourceFilter,
    TaggedFlow,
)
from services.metadata.application.ports.segment_tables import ObjectTable, SegmentTable
from services.metadata.application.ports.store import (
    Crowded,
    Divisible,
    Gathered,
    Slow,
    Stepwise,
    Store,
    Tables,
)
from services.metadata.application.ports.work_tables import (
    DeletionTable,
    EventTable,
    LoadTable,
    ServiceInfoTable,
    StorageBackendTable,
    TrashTable,
    WebhookTable,
)

__all__ = [
    "AccessTable",
    "ApiKeyTable",
    "AuditTable",
    "Collector",
    "CopyTable",
    "Crowded",
    "DeletionTable",
    "Divisible",
    "EventTable",
    "FlowFilter",
    "FlowTable",
    "Gathered",
    "Link",
    "LoadTable",
    "ObjectTable",
    "Removed",
    "SegmentQuery",
    "SegmentTable",
    "ServiceInfo",
    "ServiceInfoTable",
    "Slow",
    "SourceFilter",
    "SourceTable",
    "Stepwise",
    "StorageBackendTable",
    "Store",
    "Tables",
    "TaggedFlow",
    "TrashTable",
    "UserTable",
    "WebhookTable",
]
