"""A client that calls every method of the services, by the descriptors of the protos."""

import importlib
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import tams
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc import StatusCode, aio

from services.shared.rpc.server import MAX_MESSAGE_BYTES
from tests.support.metadata.flows import a_flow, encoded, flow_id
from tests.support.services.gateway import running_services
from tests.support.storage.seaweedfs import SeaweedFS

FLOW = flow_id(1)
STORAGE = "5d1f6a2e-0000-4000-8000-00000000000a"
VALID_FIELDS: dict[str, Any] = {
    "id": FLOW,
    "flow_id": FLOW,
    "object_id": "o",
    "object_ids": "o",
    "document": encoded(a_flow(1)),
    "storage_id": STORAGE,
    "storage_path": "p/o",
    "start_ns": 0,
    "end_ns": 1_000_000_000,
    "starts_ns": 2_000_000_000,
    "ends_ns": 3_000_000_000,
    "members": b"{}",
    "member": "label",
    "value": b'"x"',
    "url": "https://elsewhere.example/o",
    "events": "flows/created",
    "owner": "me",
    "webhook_id": FLOW,
    "table": "flows",
    "column": "label",
    "name": "more",
    "type": "string",
    "sorted_by": "label",
    "kind": 4,
    "rows": json.dumps([{"flow_id": FLOW, "object_id": "x", "timerange": "[5:0_6:0)"}]).encode(),
    "size": 5,
    "dry_run": True,
    "user": "alice",
    "password": "correct horse",
    "scopes": 1,
}
_CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", 64 * 1024),
)
FAULTS = (
    StatusCode.INTERNAL, StatusCode.UNKNOWN, StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED,
    StatusCode.ABORTED, StatusCode.DATA_LOSS, StatusCode.CANCELLED,
)  # fmt: skip
# Calls that wait for an event, for up to half a minute.
WAITING = ("AwaitEvents",)
# The setting of the gateway with the address of each proto package's service.
ADDRESSES = {"metadata": "metadata_address", "event": "metadata_address", "access": "metadata_address",
             "media": "media_address", "analytics": "analytics_address"}  # fmt: skip


def all_methods() -> list[MethodDescriptor]:
    (root,) = tams.__path__
    files = sorted(Path(root).rglob("*_service_pb2.py"))
    names = [".".join(("tams", *file.relative_to(root).with_suffix("").parts)) for file in files]
    return [
        method
        for name in names
        for service in importlib.import_module(name).DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ]


METHODS = all_methods()


class Caller:
    """A client that calls methods of all services by their descriptors."""

    def __init__(self, channels: dict[str, aio.Channel]) -> None:
        self._channels = channels

    async def __call__(self, method: MethodDescriptor, request: Message) -> tuple[StatusCode, Any]:
        service = method.containing_service
        call = self._channels[ADDRESSES[service.full_name.split(".")[1]]].unary_unary(
            f"/{service.full_name}/{method.name}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        try:
            return StatusCode.OK, await call(request, timeout=1 if method.name in WAITING else 60)
        except aio.AioRpcError as error:
            waits = method.name in WAITING and error.code() is StatusCode.DEADLINE_EXCEEDED
            return StatusCode.OK if waits else error.code(), error.details()

    async def call(self, name: str, **fields: Any) -> Any:
        (method,) = [method for method in METHODS if method.name == name]
        code, reply = await self(method, GetMessageClass(method.input_type)(**fields))
        assert code is StatusCode.OK, (name, code, reply)
        return reply

    async def store_two_objects(self) -> None:
        """Store a flow, and another that no request names, whose segments use the objects "o" and "p"."""
        for number in (1, 2):
            await self.call("PutFlow", id=flow_id(number), document=encoded(a_flow(number)))
        (backend,) = (await self.call("ListStorageBackends")).storage_backends
        VALID_FIELDS["storage_id"] = backend.id
        locations = [
            {"object_id": object_id, "storage_id": backend.id, "storage_path": f"p/{object_id}"}
            for object_id in "op"
        ]
        await self.call("ReserveObjects", flow_id=flow_id(2), objects=locations)
        starts = [-(2**62), 2**62]
        segments = {
            "object_ids": ["o", "p"],
            "starts_ns": starts,
            "ends_ns": [start + 10 for start in starts],
        }
        created = await self.call("CreateSegments", flow_id=flow_id(2), segments=segments)
        assert not created.failures


@asynccontextmanager
async def running_caller(folder: Path, store: SeaweedFS) -> AsyncIterator[Caller]:
    """A caller of running services with two objects."""
    async with AsyncExitStack() as stack:
        addresses = await stack.enter_async_context(running_services(folder, store))
        channels = {
            name: await stack.enter_async_context(aio.insecure_channel(address, options=_CHANNEL_OPTIONS))
            for name, address in addresses.items()
        }
        caller = Caller(channels)
        await caller.store_two_objects()
        yield caller
