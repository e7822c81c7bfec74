"""Channels and stubs of the services."""

from contextlib import AsyncExitStack
from typing import Final, Self

from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from grpc import aio
from tams.access.v1 import (
    api_key_service_pb2,
    api_key_service_pb2_grpc,
    credential_service_pb2,
    user_service_pb2,
    user_service_pb2_grpc,
)
from tams.analytics.v1 import (
    coverage_service_pb2,
    coverage_service_pb2_grpc,
    duplicate_service_pb2,
    duplicate_service_pb2_grpc,
    object_access_service_pb2,
    object_access_service_pb2_grpc,
    usage_service_pb2,
    usage_service_pb2_grpc,
)
from tams.event.v1 import (
    delivery_service_pb2,
    delivery_service_pb2_grpc,
    webhook_service_pb2,
    webhook_service_pb2_grpc,
)
from tams.media.v1 import (
    copy_service_pb2,
    copy_service_pb2_grpc,
    init_section_service_pb2,
    init_section_service_pb2_grpc,
    multipart_upload_service_pb2,
    multipart_upload_service_pb2_grpc,
    reconciliation_service_pb2,
    reconciliation_service_pb2_grpc,
    storage_service_pb2,
    storage_service_pb2_grpc,
    unused_object_service_pb2,
    unused_object_service_pb2_grpc,
)
from tams.media.v1 import status_service_pb2 as media_status_service_pb2
from tams.media.v1 import status_service_pb2_grpc as media_status_service_pb2_grpc
from tams.metadata.v1 import (
    administration_service_pb2,
    administration_service_pb2_grpc,
    audit_service_pb2,
    audit_service_pb2_grpc,
    deletion_request_service_pb2,
    deletion_request_service_pb2_grpc,
    flow_service_pb2,
    flow_service_pb2_grpc,
    load_service_pb2,
    load_service_pb2_grpc,
    object_copy_service_pb2,
    object_copy_service_pb2_grpc,
    object_service_pb2,
    object_service_pb2_grpc,
    segment_service_pb2,
    segment_service_pb2_grpc,
    service_info_service_pb2,
    service_info_service_pb2_grpc,
    source_service_pb2,
    source_service_pb2_grpc,
    trash_service_pb2,
    trash_service_pb2_grpc,
)
from tams.metadata.v1 import status_service_pb2 as metadata_status_service_pb2
from tams.metadata.v1 import status_service_pb2_grpc as metadata_status_service_pb2_grpc

from gateway.settings import Settings
from services.shared.rpc.client import open_channel
from services.shared.rpc.coherent import CoherentChannel


def _services(*files: FileDescriptor) -> list[ServiceDescriptor]:
    return [service for file in files for service in file.services_by_name.values()]


METADATA: Final = _services(
    flow_service_pb2.DESCRIPTOR,
    source_service_pb2.DESCRIPTOR,
    segment_service_pb2.DESCRIPTOR,
    object_service_pb2.DESCRIPTOR,
    object_copy_service_pb2.DESCRIPTOR,
    deletion_request_service_pb2.DESCRIPTOR,
    service_info_service_pb2.DESCRIPTOR,
    webhook_service_pb2.DESCRIPTOR,
    administration_service_pb2.DESCRIPTOR,
    load_service_pb2.DESCRIPTOR,
    audit_service_pb2.DESCRIPTOR,
    trash_service_pb2.DESCRIPTOR,
    metadata_status_service_pb2.DESCRIPTOR,
    user_service_pb2.DESCRIPTOR,
    api_key_service_pb2.DESCRIPTOR,
    credential_service_pb2.DESCRIPTOR,
)
MEDIA: Final = _services(
    storage_service_pb2.DESCRIPTOR,
    multipart_upload_service_pb2.DESCRIPTOR,
    copy_service_pb2.DESCRIPTOR,
    init_section_service_pb2.DESCRIPTOR,
    unused_object_service_pb2.DESCRIPTOR,
    reconciliation_service_pb2.DESCRIPTOR,
    media_status_service_pb2.DESCRIPTOR,
)
EVENTS: Final = _services(delivery_service_pb2.DESCRIPTOR)
ANALYTICS: Final = _services(
    coverage_service_pb2.DESCRIPTOR,
    usage_service_pb2.DESCRIPTOR,
    object_access_service_pb2.DESCRIPTOR,
    duplicate_service_pb2.DESCRIPTOR,
)


class Services:
    """A stub for each gRPC service; `channels` has the channel of each deployable by its name."""

    def __init__(
        self, metadata: aio.Channel, media: aio.Channel, analytics: aio.Channel, events: aio.Channel
    ) -> None:
        self.channels = {"metadata": metadata, "media": media, "analytics": analytics, "events": events}
        self.flows = flow_service_pb2_grpc.FlowServiceStub(metadata)
        self.sources = source_service_pb2_grpc.SourceServiceStub(metadata)
        self.segments = segment_service_pb2_grpc.SegmentServiceStub(metadata)
        self.objects = object_service_pb2_grpc.ObjectServiceStub(metadata)
        self.object_copies = object_copy_service_pb2_grpc.ObjectCopyServiceStub(metadata)
        self.deletions = deletion_request_service_pb2_grpc.DeletionRequestServiceStub(metadata)
        self.service_info = service_info_service_pb2_grpc.ServiceInfoServiceStub(metadata)
        self.webhooks = webhook_service_pb2_grpc.WebhookServiceStub(metadata)
        self.administration = administration_service_pb2_grpc.AdministrationServiceStub(metadata)
        self.loads = load_service_pb2_grpc.LoadServiceStub(metadata)
        self.audit = audit_service_pb2_grpc.AuditServiceStub(metadata)
        self.trash = trash_service_pb2_grpc.TrashServiceStub(metadata)
        self.metadata_status = metadata_status_service_pb2_grpc.StatusServiceStub(metadata)
        self.users = user_service_pb2_grpc.UserServiceStub(metadata)
        self.api_keys = api_key_service_pb2_grpc.ApiKeyServiceStub(metadata)
        self.storage = storage_service_pb2_grpc.StorageServiceStub(media)
        self.multipart_uploads = multipart_upload_service_pb2_grpc.MultipartUploadServiceStub(media)
        self.copies = copy_service_pb2_grpc.CopyServiceStub(media)
        self.init_sections = init_section_service_pb2_grpc.InitSectionServiceStub(media)
        self.unused_objects = unused_object_service_pb2_grpc.UnusedObjectServiceStub(media)
        self.reconciliation = reconciliation_service_pb2_grpc.ReconciliationServiceStub(media)
        self.media_status = media_status_service_pb2_grpc.StatusServiceStub(media)
        self.coverage = coverage_service_pb2_grpc.CoverageServiceStub(analytics)
        self.usage = usage_service_pb2_grpc.UsageServiceStub(analytics)
        self.object_accesses = object_access_service_pb2_grpc.ObjectAccessServiceStub(analytics)
        self.duplicates = duplicate_service_pb2_grpc.DuplicateServiceStub(analytics)
        self.deliveries = delivery_service_pb2_grpc.DeliveryServiceStub(events)

    @classmethod
    async def open(cls, settings: Settings, stack: AsyncExitStack) -> Self:
        """The services at the addresses in the settings, until the stack closes.

        The channels connect on first use and reconnect by themselves.
        """
        targets = (
            (settings.metadata_address, METADATA),
            (settings.media_address, MEDIA),
            (settings.analytics_address, ANALYTICS),
            (settings.events_address, EVENTS),
        )
        metadata, *others = [
            await stack.enter_async_context(open_channel(*target, settings.tls_files)) for target in targets
        ]
        return cls(CoherentChannel(metadata, METADATA), *others)
