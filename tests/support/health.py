"""What a service says of its health."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.polling import until

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def status(port: int, service: str = "") -> int:
    """What the server on this loopback port says of itself."""
    direct = [("grpc.enable_http_proxy", 0)]
    async with aio.insecure_channel(f"127.0.0.1:{port}", options=direct) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        return (await health_pb2_grpc.HealthStub(channel).Check(request, timeout=30)).status


@asynccontextmanager
async def watching(port: int) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """What the server says of itself from now on, one status after the other."""
    direct = [("grpc.enable_http_proxy", 0)]
    async with aio.insecure_channel(f"127.0.0.1:{port}", options=direct) as channel:
        told = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())

        async def following() -> int:
            return (await told.read()).status

        yield following
        told.cancel()


async def until_serving(port: int) -> None:
    """Return once it reports SERVING; it need not listen yet."""

    async def serving() -> bool:
        try:
            return await status(port) == SERVING
        except aio.AioRpcError as error:
            if error.code() is not StatusCode.UNAVAILABLE:
                raise
            return False

    await until(serving)
