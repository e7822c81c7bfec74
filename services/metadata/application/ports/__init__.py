"""What the rules need of a table engine.

Rules are plain functions over `Tables`; the store decides where and how they run. A change runs inside
one transaction: either everything it wrote is committed or nothing is.
"""

from services.metadata.application.ports.media_tables import FlowTable, ObjectTable, SegmentTable, SourceTable
from services.metadata.application.ports.queries import (
    FlowFilter,
    Removed,
    SegmentQuery,
    ServiceInfo,
    SourceFilter,
)
from services.metadata.application.ports.store import Stepwise, Store, Tables
from services.metadata.application.ports.work_tables import (
    DeletionTable,
    EventTable,
    LoadTable,
    ServiceInfoTable,
    WebhookTable,
)

__all__ = [
    "DeletionTable",
    "EventTable",
    "FlowFilter",
    "FlowTable",
    "LoadTable",
    "ObjectTable",
    "Removed",
    "SegmentQuery",
    "SegmentTable",
    "ServiceInfo",
    "ServiceInfoTable",
    "SourceFilter",
    "SourceTable",
    "Stepwise",
    "Store",
    "Tables",
    "WebhookTable",
]
