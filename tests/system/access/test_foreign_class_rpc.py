"""Every RPC, called directly by a caller of one class about resources of another."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from enum import Enum, auto
from typing import Final

import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc import StatusCode
from tams.analytics.v1 import coverage_service_pb2
from tams.event.v1 import webhook_pb2, webhook_service_pb2
from tams.media.v1 import multipart_upload_service_pb2 as uploads_pb2
from tams.media.v1 import storage_service_pb2
from tams.metadata.v1 import (
    deletion_request_service_pb2,
    flow_service_pb2,
    object_pb2,
    object_service_pb2,
    property_pb2,
    segment_service_pb2,
    source_service_pb2,
    trash_service_pb2,
)
from tams.metadata.v1 import object_copy_service_pb2 as copies_pb2

from docs.generate_scopes import rpcs
from services.shared.access.principal import GRANTED, Principal, Scope
from services.shared.access.service_tokens import ServiceTokens
from services.shared.rpc.scopes import scopes_of
from tests.support.access.calls import Answer, call_of, channel_of
from tests.support.access.foreign import OWN, Foreign, a_flow, bob
from tests.support.access.secured_store import SecuredStore
from tests.support.rpc.messages import create_in, new_segment

pytestmark = pytest.mark.slow


class Expected(Enum):
    """The answer that the caller gets."""

    HIDDEN = auto()  # NOT_FOUND
    OUTSIDE = auto()  # PERMISSION_DENIED, because of classes
    FILTERED = auto()  # OK without the resources
    UNRELATED = auto()  # whatever it is, it does not depend on sources and flows


H, OUT, F, X = Expected.HIDDEN, Expected.OUTSIDE, Expected.FILTERED, Expected.UNRELATED
# Of those that callers from outside may call without the scope admin.
EXPECTED: Final[Mapping[str, Expected]] = {
    "UserService.ChangeOwnPassword": X,
    "CoverageService.GetCoverage": H,
    "UsageService.GetStorageUsage": OUT,
    "ObjectAccessService.ListObjectAccesses": F,
    "DuplicateService.ListDuplicates": OUT,
    "WebhookService.ListWebhooks": F,
    "WebhookService.RegisterWebhook": F,
    "StorageService.ListStorageBackends": X,
    "StorageService.AllocateStorage": H,
    "MultipartUploadService.CreateMultipartUpload": H,
    "MultipartUploadService.ListMultipartUploads": H,
    "MultipartUploadService.SignParts": H,
    "MultipartUploadService.ListParts": H,
    "MultipartUploadService.CompleteMultipartUpload": H,
    "MultipartUploadService.AbortMultipartUpload": H,
    "StorageService.BatchAllocateStorage": F,
    "DeletionRequestService.GetDeletionRequest": H,
    "DeletionRequestService.ListDeletionRequests": F,
    "FlowService.GetFlow": H,
    "FlowService.BatchGetFlows": F,
    "FlowService.ListFlows": F,
    "FlowService.PutFlow": OUT,
    "FlowService.UpdateFlow": H,
    "FlowService.DeleteFlow": H,
    "ObjectService.GetObject": H,
    "ObjectService.DeleteObject": H,
    "ObjectCopyService.ListObjectCopies": H,
    "SegmentService.ListSegments": F,
    "SegmentService.CreateSegments": H,
    "SegmentService.BatchCreateSegments": F,
    "SegmentService.DeleteSegments": H,
    "ServiceInfoService.GetServiceInfo": X,
    "SourceService.GetSource": H,
    "SourceService.ListSources": F,
    "SourceService.UpdateSource": H,
    "SourceService.DeleteSource": H,
    "TrashService.ListTrash": F,
    "TrashService.RestoreFlow": H,
    "TrashService.RestoreSource": H,
    "TrashService.RestoreEntry": H,
}
# Processes of the store call these on behalf of a caller.
ON_BEHALF: Final[Mapping[str, Expected]] = {
    "ObjectService.ReserveObjects": H,
    "ObjectService.BatchReserveObjects": F,
    "ObjectService.LocateObjects": F,
    "ObjectService.GetUploadTarget": H,
    "ObjectCopyService.BeginObjectCopies": F,
    "StorageService.LookForObjects": F,
}
LABEL: Final = property_pb2.PropertyChange(member="label", value=b'"stolen"')
REQUESTS: Final[Mapping[str, Callable[[Foreign], Message]]] = {
    "CoverageService.GetCoverage": lambda f: coverage_service_pb2.GetCoverageRequest(flow_id=f.flow),
    "WebhookService.RegisterWebhook": lambda f: webhook_service_pb2.RegisterWebhookRequest(
        webhook=webhook_pb2.Webhook(url=f.webhook_url)
    ),
    "StorageService.AllocateStorage": lambda f: storage_service_pb2.AllocateStorageRequest(flow_id=f.flow),
    "StorageService.BatchAllocateStorage": lambda f: storage_service_pb2.BatchAllocateStorageRequest(
        requests=[storage_service_pb2.AllocateStorageRequest(flow_id=f.flow)]
    ),
    "StorageService.LookForObjects": lambda f: storage_service_pb2.LookForObjectsRequest(
        object_ids=[f.object]
    ),
    "MultipartUploadService.CreateMultipartUpload": lambda f: uploads_pb2.CreateMultipartUploadRequest(
        object_id=f.allocated
    ),
    "MultipartUploadService.ListMultipartUploads": lambda f: uploads_pb2.ListMultipartUploadsRequest(
        object_id=f.allocated
    ),
    "MultipartUploadService.SignParts": lambda f: uploads_pb2.SignPartsRequest(
        object_id=f.allocated, upload_id=f.upload, part_numbers=[1]
    ),
    "MultipartUploadService.ListParts": lambda f: uploads_pb2.ListPartsRequest(
        object_id=f.allocated, upload_id=f.upload
    ),
    "MultipartUploadService.CompleteMultipartUpload": lambda f: uploads_pb2.CompleteMultipartUploadRequest(
        object_id=f.allocated, upload_id=f.upload
    ),
    "MultipartUploadService.AbortMultipartUpload": lambda f: uploads_pb2.AbortMultipartUploadRequest(
        object_id=f.allocated, upload_id=f.upload
    ),
    "DeletionRequestService.GetDeletionRequest": lambda f: (
        deletion_request_service_pb2.GetDeletionRequestRequest(id=f.deletion)
    ),
    "FlowService.GetFlow": lambda f: flow_service_pb2.GetFlowRequest(id=f.flow),
    "FlowService.BatchGetFlows": lambda f: flow_service_pb2.BatchGetFlowsRequest(
        requests=[flow_service_pb2.GetFlowRequest(id=f.flow)]
    ),
    "FlowService.PutFlow": lambda f: flow_service_pb2.PutFlowRequest(
        id=f.flow, document=json.dumps(a_flow(id=f.flow, source_id=f.own_source)).encode()
    ),
    "FlowService.UpdateFlow": lambda f: flow_service_pb2.UpdateFlowRequest(id=f.flow, changes=[LABEL]),
    "FlowService.DeleteFlow": lambda f: flow_service_pb2.DeleteFlowRequest(id=f.flow),
    "ObjectService.GetObject": lambda f: object_service_pb2.GetObjectRequest(id=f.object),
    "ObjectService.DeleteObject": lambda f: object_service_pb2.DeleteObjectRequest(id=f.object),
    "ObjectCopyService.ListObjectCopies": lambda f: copies_pb2.ListObjectCopiesRequest(object_id=f.object),
    "ObjectCopyService.BeginObjectCopies": lambda f: copies_pb2.BeginObjectCopiesRequest(
        copies=[object_pb2.ObjectLocation(object_id=f.object, storage_id=f.own_source, storage_path="k")]
    ),
    "ObjectService.GetUploadTarget": lambda f: object_service_pb2.GetUploadTargetRequest(
        object_id=f.allocated
    ),
    "ObjectService.ReserveObjects": lambda f: object_service_pb2.ReserveObjectsRequest(flow_id=f.flow),
    "ObjectService.BatchReserveObjects": lambda f: object_service_pb2.BatchReserveObjectsRequest(
        requests=[object_service_pb2.ReserveObjectsRequest(flow_id=f.flow)]
    ),
    "ObjectService.LocateObjects": lambda f: object_service_pb2.LocateObjectsRequest(object_ids=[f.object]),
    "SegmentService.ListSegments": lambda f: segment_service_pb2.ListSegmentsRequest(flow_id=f.flow),
    "SegmentService.CreateSegments": lambda f: create_in(f.flow, new_segment(10**12, 10**12 + 1, "new")),
    "SegmentService.BatchCreateSegments": lambda f: segment_service_pb2.BatchCreateSegmentsRequest(
        requests=[create_in(f.flow, new_segment(10**12, 10**12 + 1, "new"))]
    ),
    "SegmentService.DeleteSegments": lambda f: segment_service_pb2.DeleteSegmentsRequest(flow_id=f.flow),
    "SourceService.GetSource": lambda f: source_service_pb2.GetSourceRequest(id=f.source),
    "SourceService.UpdateSource": lambda f: source_service_pb2.UpdateSourceRequest(
        id=f.source, changes=[LABEL]
    ),
    "SourceService.DeleteSource": lambda f: source_service_pb2.DeleteSourceRequest(id=f.source, cascade=True),
    "TrashService.RestoreFlow": lambda f: trash_service_pb2.RestoreFlowRequest(id=f.trashed_flow),
    "TrashService.RestoreSource": lambda f: trash_service_pb2.RestoreSourceRequest(id=f.trashed_source),
    "TrashService.RestoreEntry": lambda f: trash_service_pb2.RestoreEntryRequest(id=f.trash_entry),
}
# Replies may repeat what was asked for.
PARTS: Final = {"analytics": "analytics", "media": "media"}


def named(method: MethodDescriptor) -> str:
    return f"{method.containing_service.name}.{method.name}"


def is_for_callers(method: MethodDescriptor) -> bool:
    return bool(scopes_of(method) & (GRANTED - {Scope.ADMIN}))


ALL: Final = {
    named(method): method
    for method in rpcs()
    # Two services have this name; the one of events is for processes of the store alone.
    if is_for_callers(method) or named(method) in ON_BEHALF
}


def part_of(method: MethodDescriptor) -> str:
    package = method.full_name.split(".")[1]
    return PARTS.get(package, "metadata")


def request_of(name: str, foreign: Foreign) -> bytes:
    make = REQUESTS.get(name)
    message = GetMessageClass(ALL[name].input_type)() if make is None else make(foreign)
    return message.SerializeToString(deterministic=True)


def test_the_table_has_every_rpc() -> None:
    assert {name for name, method in ALL.items() if is_for_callers(method)} == EXPECTED.keys()
    assert all(scopes_of(ALL[name]) == {Scope.SERVICE} for name in ON_BEHALF)


@pytest.mark.parametrize("name", EXPECTED)
async def test_an_rpc_shows_nothing_of_another_class(
    secured: SecuredStore, foreign: Foreign, name: str
) -> None:
    method = ALL[name]
    async with channel_of(secured, part_of(method)) as channel:
        answer = await call_of(channel, method, bob(secured), request=request_of(name, foreign))
    check(EXPECTED[name], foreign, request_of(name, foreign), answer)


@pytest.mark.parametrize("name", ON_BEHALF)
async def test_a_process_of_the_store_learns_no_more_on_behalf_of_a_caller(
    secured: SecuredStore, foreign: Foreign, name: str
) -> None:
    caller = Principal("jwt:bob", frozenset({Scope.READ, Scope.WRITE}), classes=frozenset({OWN}))
    tokens = ServiceTokens(secured.service_secret.encode())
    method = ALL[name]
    async with channel_of(secured, part_of(method)) as channel:
        metadata = {"tams-caller": tokens.make(caller)}
        answer = await call_of(channel, method, metadata, request=request_of(name, foreign))
    check(ON_BEHALF[name], foreign, request_of(name, foreign), answer)


@pytest.fixture(autouse=True)
async def _unchanged(secured: SecuredStore, foreign: Foreign) -> AsyncIterator[None]:
    """Check that the foreign flow is as it was."""
    method = ALL["FlowService.GetFlow"]
    request = request_of("FlowService.GetFlow", foreign)
    async with channel_of(secured, "metadata") as channel:
        before = await call_of(channel, method, secured.bearer("read"), request=request)
        yield
        assert await call_of(channel, method, secured.bearer("read"), request=request) == before
    assert before.code is StatusCode.OK


def check(expected: Expected, foreign: Foreign, request: bytes, answer: Answer) -> None:
    asked = [secret for secret in foreign.secrets if secret.encode() in request]
    told = [secret for secret in foreign.secrets if secret.encode() in answer.reply and secret not in asked]
    assert told == []
    match expected:
        case Expected.HIDDEN:
            assert answer.code is StatusCode.NOT_FOUND, answer
        case Expected.OUTSIDE:
            assert answer.code is StatusCode.PERMISSION_DENIED, answer
            assert "classes" in answer.details
        case Expected.FILTERED:
            assert answer.code is StatusCode.OK, answer
        case Expected.UNRELATED:
            assert answer.code is not StatusCode.INTERNAL
