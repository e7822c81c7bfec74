"""Messages as a later version would send them, with fields and values that this one does not know."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Final

import grpc
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc import aio

from gateway.clients.services import ANALYTICS, EVENTS, MEDIA, METADATA
from services.shared.process.settings import ProcessSettings
from services.shared.rpc.server import MAX_MESSAGE_BYTES, serving

# The fields 15001, the text "later", and 15002, the number 7.
_LATER_FIELDS: Final = bytes.fromhex("caa907056c61746572") + bytes.fromhex("d0a90707")
LATER_VALUE: Final = 99
_PARTS: Final = {"metadata": METADATA, "media": MEDIA, "analytics": ANALYTICS, "events": EVENTS}
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", 64 * 1024),
)
Change = Callable[[Any], None]


def add_fields(message: Any) -> None:
    """Add unknown fields to a message and to each message in it."""
    for inner in _inner(message):
        add_fields(inner)
    message.MergeFromString(_LATER_FIELDS)


def set_values(message: Any) -> None:
    """Give each enum in a message a value that this version does not know."""
    for inner in _inner(message):
        set_values(inner)
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_ENUM:
            if field.is_repeated:
                value[:] = [LATER_VALUE for _ in value]
            else:
                setattr(message, field.name, LATER_VALUE)


def _inner(message: Any) -> list[Any]:
    return [
        inner
        for field, value in message.ListFields()
        if field.message_type is not None and not field.message_type.GetOptions().map_entry
        for inner in (value if field.is_repeated else [value])
    ]


@asynccontextmanager
async def newer_services(
    addresses: Mapping[str, str], change: Change = add_fields
) -> AsyncIterator[dict[str, str]]:
    """The gateway settings of services that pass calls on to those at `addresses`, and change each reply."""
    async with AsyncExitStack() as stack:
        found = {}
        for part, services in _PARTS.items():
            target = aio.insecure_channel(addresses[f"{part}_address"], options=_OPTIONS)
            channel = await stack.enter_async_context(target)
            registrations = [(service, partial(_add, service, channel, change)) for service in services]
            settings = ProcessSettings(drain_seconds=0, grace_seconds=0)
            server = await stack.enter_async_context(serving(settings, registrations))
            found[f"{part}_address"] = f"127.0.0.1:{server.port}"
        yield found


def _add(service: ServiceDescriptor, channel: aio.Channel, change: Change, server: aio.Server) -> None:
    handlers = {
        method.name: _handler(method, _pass_on(method, channel, change)) for method in service.methods
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))


def _pass_on(
    method: MethodDescriptor, channel: aio.Channel, change: Change
) -> Callable[[Message, Any], Awaitable[Message]]:
    send = channel.unary_unary(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=GetMessageClass(method.input_type).SerializeToString,
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )

    async def pass_on(request: Message, context: Any) -> Message:
        call = send(request, metadata=aio.Metadata(*context.invocation_metadata()), timeout=60)
        try:
            reply: Message = await call
        except aio.AioRpcError as error:
            await context.abort(error.code(), error.details(), error.trailing_metadata())
        context.set_trailing_metadata(tuple(await call.trailing_metadata()))
        change(reply)
        return reply

    return pass_on


def _handler(
    method: MethodDescriptor, answer: Callable[[Message, Any], Awaitable[Message]]
) -> "grpc.RpcMethodHandler[Message, Message]":
    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=GetMessageClass(method.input_type).FromString,
        response_serializer=GetMessageClass(method.output_type).SerializeToString,
    )
