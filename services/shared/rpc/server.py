"""One way to run a gRPC server: grpc.aio with health, reflection, bounded messages, orderly stop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from google.protobuf.descriptor import ServiceDescriptor
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.shared.errors import StartupError
from services.shared.rpc.interceptors import EdgeInterceptor
from services.shared.settings import ProcessSettings

MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Two processes on one port would share its calls in silence.
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)

_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING

# Always SERVING while the process answers: orchestrators restart on this one, balance on the others.
LIVENESS: Final = "liveness"

Registration = tuple[ServiceDescriptor, Callable[[aio.Server], None]]


class RpcServer:
    """A running server: its port, and what it says of its health."""

    def __init__(self, port: int, names: Sequence[str], checks: health.aio.HealthServicer) -> None:
        self.port = port
        self._names = names
        self._checks = checks

    async def report(self, *, serving: bool) -> None:
        """Tell health checkers whether to send calls here."""
        for name in ("", *self._names):
            await self._checks.set(name, _SERVING if serving else _NOT_SERVING)


@asynccontextmanager
async def serving(
    settings: ProcessSettings, registrations: Sequence[Registration], *, ready: bool = True
) -> AsyncIterator[RpcServer]:
    """Serve until the block ends, then drain: NOT_SERVING, a pause for balancers, finish open calls.

    Without `ready` it begins as NOT_SERVING, until `report` says otherwise. StartupError when the port
    cannot be bound. Port 0 takes a free one.
    """
    server = aio.server(interceptors=(EdgeInterceptor(),), options=_OPTIONS)
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    names = [descriptor.full_name for descriptor, _ in registrations]
    for _, add in registrations:
        add(server)
    reflection.enable_server_reflection((*names, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    running = RpcServer(_bind(server, settings), names, checks)
    await checks.set(LIVENESS, _SERVING)
    await running.report(serving=ready)
    await server.start()
    try:
        yield running
    finally:
        await running.report(serving=False)
        await asyncio.sleep(settings.drain_seconds)
        await server.stop(settings.grace_seconds)


def _bind(server: Any, settings: ProcessSettings) -> int:
    where = f"{settings.host}:{settings.port}"
    try:
        _try(settings.host, settings.port)
        port: int = server.add_insecure_port(where)
    except OSError as error:
        raise StartupError(f"cannot listen on {where}: {error.strerror}") from None
    except RuntimeError:
        raise StartupError(f"cannot listen on {where}") from None
    return port


def _try(host: str, port: int) -> None:
    """Listen for a moment: gRPC keeps the reason of a failure to itself and writes to stderr."""
    family, _, _, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
    with socket.create_server(address, family=family):
        pass
