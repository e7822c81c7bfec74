"""The health that a service reports."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from tests.support.processes.polling import until

SERVING = HealthCheckResponse.SERVING
NOT_SERVING = HealthCheckResponse.NOT_SERVING


async def status(port: int, service: str = "") -> int:
    """The health that the server on a loopback port reports."""
    direct = [("grpc.enable_http_proxy", 0)]
    async with aio.insecure_channel(f"127.0.0.1:{port}", options=direct) as channel:
        request = HealthCheckRequest(service=service)
        # The type stubs leave the stub's methods out.
        check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]
        reply: HealthCheckResponse = await check(request, timeout=30)
        return reply.status


@asynccontextmanager
async def watching(port: int) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """A function that waits for the next status that the server reports."""
    direct = [("grpc.enable_http_proxy", 0)]
    async with aio.insecure_channel(f"127.0.0.1:{port}", options=direct) as channel:
        # The type stubs leave the stub's methods out.
        watch = health_pb2_grpc.HealthStub(channel).Watch  # type: ignore[attr-defined]
        statuses: aio.UnaryStreamCall[HealthCheckRequest, HealthCheckResponse] = watch(HealthCheckRequest())

        async def next_status() -> int:
            reply = await statuses.read()
            assert isinstance(reply, HealthCheckResponse), "the stream of statuses ended"
            return reply.status

        yield next_status
        statuses.cancel()


async def until_serving(port: int) -> None:
    """Return when the server reports SERVING. It need not listen yet."""

    async def serving() -> bool:
        try:
            return await status(port) == SERVING
        except aio.AioRpcError as error:
            if error.code() is not StatusCode.UNAVAILABLE:
                raise
            return False

    await until(serving)
