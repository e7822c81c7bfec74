"""All gRPC services: they report SERVING, but each method raises the error that a test chose."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import NoReturn

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc import aio

from gateway.clients.services import ANALYTICS, MEDIA, METADATA
from services.shared.process.settings import ProcessSettings
from services.shared.rpc.server import serving


@asynccontextmanager
async def failing_services(error: Exception) -> AsyncIterator[dict[str, str]]:
    """The gateway settings that name such services."""
    services = [(service, partial(_add, service, error)) for service in (*METADATA, *MEDIA, *ANALYTICS)]
    settings = ProcessSettings(drain_seconds=0, grace_seconds=0)
    async with serving(settings, services) as server:
        address = f"127.0.0.1:{server.port}"
        yield {f"{part}_address": address for part in ("metadata", "media", "analytics")}


def _add(service: ServiceDescriptor, error: Exception, server: aio.Server) -> None:
    async def fail(request: object, context: object) -> NoReturn:
        raise error

    handlers = {method.name: _handler(method, fail) for method in service.methods}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))


def _handler(
    method: MethodDescriptor, fail: Callable[[object, object], Awaitable[NoReturn]]
) -> "grpc.RpcMethodHandler[Message, Message]":
    return grpc.unary_unary_rpc_method_handler(
        fail,
        request_deserializer=GetMessageClass(method.input_type).FromString,
        response_serializer=GetMessageClass(method.output_type).SerializeToString,
    )
