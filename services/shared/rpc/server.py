"""Runs a gRPC server: grpc.aio with health checks, reflection, a limit of messages and an orderly stop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from google.protobuf.descriptor import ServiceDescriptor
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.shared.errors import StartupError
from services.shared.process.settings import ProcessSettings
from services.shared.process.telemetry import Telemetry
from services.shared.rpc.guard import Guard
from services.shared.rpc.interceptors import EdgeInterceptor, NoteError
from services.shared.rpc.tls import server_credentials
from services.shared.tls.files import CertificateFiles, open_certificates

MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Otherwise two processes could listen on one port and share its calls unnoticed.
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_time_ms", 30_000),
    # Callers and proxies ask every few seconds whether this process still answers, even without a call.
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # A caller that connects again looks the replicas up again, and finds new ones. Open calls may end.
    ("grpc.max_connection_age_ms", 20_000),
    ("grpc.max_connection_age_grace_ms", 120_000),
)

_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING

# This name is always SERVING. Orchestrators restart a process by it, and balance load by the other names.
LIVENESS: Final = "liveness"

Registration = tuple[ServiceDescriptor, Callable[[aio.Server], None]]


class RpcServer:
    """A running server with its TCP port."""

    def __init__(self, port: int, names: Sequence[str], checks: health.aio.HealthServicer) -> None:
        self.port = port
        self._names = names
        self._checks = checks

    async def report(self, *, serving: bool) -> None:
        """Set the result of health checks: SERVING or NOT_SERVING."""
        for name in ("", *self._names):
            await self._checks.set(name, _SERVING if serving else _NOT_SERVING)


@asynccontextmanager
async def serving(
    settings: ProcessSettings,
    registrations: Sequence[Registration],
    *,
    telemetry: Telemetry | None = None,
    ready: bool = True,
    guard: Guard | None = None,
    note_error: NoteError | None = None,
) -> AsyncIterator[RpcServer]:
    """Serve until the block ends, then drain: NOT_SERVING, a pause for load balancers, finish open calls.

    Unless `ready`, the server is NOT_SERVING until `report` is called. With a guard, calls need credentials,
    and there is no reflection. `note_error` learns of the errors of calls. With files for TLS in the
    settings, only clients with a certificate of the authorities reach any method. StartupError if the port
    cannot be bound, or the files cannot be used. Port 0 selects a free one.
    """
    certificates = open_certificates(settings.tls_files)
    names = [descriptor.full_name for descriptor, _ in registrations]
    edge = EdgeInterceptor(telemetry or Telemetry("server"), guard, note_error)
    server = aio.server(interceptors=(edge,), options=_OPTIONS)
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    for _, add in registrations:
        add(server)
    if guard is None:
        reflection.enable_server_reflection((*names, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    running = RpcServer(_bind(server, settings, certificates), names, checks)
    await checks.set(LIVENESS, _SERVING)
    await running.report(serving=ready)
    await server.start()
    try:
        yield running
    finally:
        await running.report(serving=False)
        await asyncio.sleep(settings.drain_seconds)
        await server.stop(settings.grace_seconds)


def _bind(server: aio.Server, settings: ProcessSettings, certificates: CertificateFiles | None) -> int:
    address = f"{settings.host}:{settings.port}"
    try:
        _check_free(settings.host, settings.port)
        if certificates is None:
            port: int = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, server_credentials(certificates))
    except OSError as error:
        raise StartupError(f"cannot listen on {address}: {error.strerror}") from None
    except RuntimeError:
        raise StartupError(f"cannot listen on {address}") from None
    return port


def _check_free(host: str, port: int) -> None:
    """Listen for a moment to get the OSError of a failure, which gRPC does not report."""
    family, _, _, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
    with socket.create_server(address, family=family):
        pass
