"""The state of the services by the gRPC health protocol."""

import asyncio
from collections.abc import Mapping
from typing import Final

from grpc import aio
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

TIMEOUT_SECONDS: Final = 2.0
SERVING: Final = "SERVING"
NOT_SERVING: Final = "NOT_SERVING"
UNAVAILABLE: Final = "UNAVAILABLE"


async def states(channels: Mapping[str, aio.Channel]) -> dict[str, str]:
    """SERVING, NOT_SERVING or UNAVAILABLE for each channel."""
    found = await asyncio.gather(*(_state(channel) for channel in channels.values()))
    return dict(zip(channels, found, strict=True))


async def _state(channel: aio.Channel) -> str:
    # The type stubs leave the stub's methods out.
    check = HealthStub(channel).Check  # type: ignore[attr-defined]
    try:
        reply: HealthCheckResponse = await check(HealthCheckRequest(), timeout=TIMEOUT_SECONDS)
    except aio.AioRpcError:
        return UNAVAILABLE
    return HealthCheckResponse.ServingStatus.Name(reply.status)
