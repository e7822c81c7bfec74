"""Calls of any RPC, directly at the part of a store that has it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from google.protobuf.descriptor import MethodDescriptor
from grpc import StatusCode, aio

from tests.support.access.secured_store import SecuredStore

SECONDS: Final = 60.0


class Answer(NamedTuple):
    """The status of a call, the text of its refusal, and the reply."""

    code: StatusCode
    details: str
    reply: bytes = b""


@asynccontextmanager
async def channel_of(secured: SecuredStore, part: str) -> AsyncIterator[aio.Channel]:
    options = [("grpc.enable_http_proxy", 0)]
    async with aio.insecure_channel(f"127.0.0.1:{secured.ports[part]}", options=options) as channel:
        yield channel


async def call_of(
    channel: aio.Channel,
    method: MethodDescriptor,
    metadata: Mapping[str, str],
    *,
    request: bytes = b"",
    seconds: float = SECONDS,
) -> Answer:
    """The answer to a call, by default with an empty request."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    call = channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)
    try:
        reply = await call(request, timeout=seconds, metadata=tuple(metadata.items()))
    except aio.AioRpcError as error:
        return Answer(error.code(), error.details() or "")
    return Answer(StatusCode.OK, "", reply)
