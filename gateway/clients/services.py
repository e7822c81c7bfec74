"""Channels and stubs of the services."""

from contextlib import AsyncExitStack
from typing import Final, Self

from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from grpc import aio
from tams.analytics.v1 import coverage_service_pb2, usage_service_pb2
from tams.analytics.v1.coverage_service_pb2_grpc import CoverageServiceStub
from tams.analytics.v1.usage_service_pb2_grpc import UsageServiceStub
from tams.event.v1 import webhook_service_pb2
from tams.event.v1.webhook_service_pb2_grpc import WebhookServiceStub
from tams.media.v1 import storage_service_pb2
from tams.media.v1.storage_service_pb2_grpc import StorageServiceStub
from tams.metadata.v1 import (
    deletion_service_pb2,
    flow_service_pb2,
    load_service_pb2,
    object_service_pb2,
    segment_service_pb2,
    service_info_service_pb2,
    source_service_pb2,
    table_admin_service_pb2,
)
from tams.metadata.v1.deletion_service_pb2_grpc import DeletionServiceStub
from tams.metadata.v1.flow_service_pb2_grpc import FlowServiceStub
from tams.metadata.v1.load_service_pb2_grpc import LoadServiceStub
from tams.metadata.v1.object_service_pb2_grpc import ObjectServiceStub
from tams.metadata.v1.segment_service_pb2_grpc import SegmentServiceStub
from tams.metadata.v1.service_info_service_pb2_grpc import ServiceInfoServiceStub
from tams.metadata.v1.source_service_pb2_grpc import SourceServiceStub
from tams.metadata.v1.table_admin_service_pb2_grpc import TableAdminServiceStub

from gateway.settings import Settings
from services.shared.rpc.client import open_channel


def _services(*files: FileDescriptor) -> list[ServiceDescriptor]:
    return [service for file in files for service in file.services_by_name.values()]


METADATA: Final = _services(
    flow_service_pb2.DESCRIPTOR,
    source_service_pb2.DESCRIPTOR,
    segment_service_pb2.DESCRIPTOR,
    object_service_pb2.DESCRIPTOR,
    deletion_service_pb2.DESCRIPTOR,
    service_info_service_pb2.DESCRIPTOR,
    webhook_service_pb2.DESCRIPTOR,
    table_admin_service_pb2.DESCRIPTOR,
    load_service_pb2.DESCRIPTOR,
)
MEDIA: Final = _services(storage_service_pb2.DESCRIPTOR)
ANALYTICS: Final = _services(coverage_service_pb2.DESCRIPTOR, usage_service_pb2.DESCRIPTOR)


class Services:
    """A stub for each gRPC service, and the channels below them by name of the deployable."""

    def __init__(self, metadata: aio.Channel, media: aio.Channel, analytics: aio.Channel) -> None:
        self.channels = {"metadata": metadata, "media": media, "analytics": analytics}
        self.flows = FlowServiceStub(metadata)
        self.sources = SourceServiceStub(metadata)
        self.segments = SegmentServiceStub(metadata)
        self.objects = ObjectServiceStub(metadata)
        self.deletions = DeletionServiceStub(metadata)
        self.service_info = ServiceInfoServiceStub(metadata)
        self.webhooks = WebhookServiceStub(metadata)
        self.table_admin = TableAdminServiceStub(metadata)
        self.loads = LoadServiceStub(metadata)
        self.storage = StorageServiceStub(media)
        self.coverage = CoverageServiceStub(analytics)
        self.usage = UsageServiceStub(analytics)

    @classmethod
    async def open(cls, settings: Settings, stack: AsyncExitStack) -> Self:
        """Channels that connect on first use and again by themselves; closed with the stack."""
        targets = (
            (settings.metadata_address, METADATA),
            (settings.media_address, MEDIA),
            (settings.analytics_address, ANALYTICS),
        )
        channels = [await stack.enter_async_context(open_channel(*target)) for target in targets]
        return cls(*channels)
