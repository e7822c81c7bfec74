"""Opens channels to other services and calls their methods."""

import json
import logging
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from grpc import aio

from services.shared.access import caller
from services.shared.errors import TamsError, Unauthenticated, Unavailable
from services.shared.process import logs
from services.shared.rpc.interceptors import METHOD, REQUEST_ID_KEY
from services.shared.rpc.renewing import RenewingChannel
from services.shared.rpc.server import MAX_MESSAGE_BYTES
from services.shared.rpc.status import from_rpc_error
from services.shared.rpc.tls import channel_credentials
from services.shared.telemetry.spans import CLIENT, span
from services.shared.telemetry.trace import TRACEPARENT, Trace, current
from services.shared.tls.files import open_certificates

Q_contra = TypeVar("Q_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)

DEADLINE_SECONDS: Final = 10.0

# Errors are sent in the metadata. With the default limit of 8 KiB gRPC drops some of them at random.
_MAX_METADATA_BYTES: Final = 64 * 1024

# The time that an attempt to connect has at least. A TLS handshake takes several round trips, and CPU.
_PLAIN_ATTEMPT_MS: Final = 100
_TLS_ATTEMPT_MS: Final = 3000

_PING_TIMEOUT_MS: Final = 4000

_RETRY: Final = {
    "maxAttempts": 4,
    "initialBackoff": "0.02s",
    "maxBackoff": "0.5s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}

_log = logging.getLogger(__name__)


class Method(Protocol[Q_contra, R_co]):
    """A method of a generated stub."""

    def __call__(
        self, request: Q_contra, /, *, timeout: float, metadata: tuple[tuple[str, str], ...]
    ) -> Awaitable[R_co]:
        """Start the call; `timeout` is in seconds."""
        ...


async def call(
    method: Method[Q_contra, R_co], request: Q_contra, *, timeout: float = DEADLINE_SECONDS
) -> R_co:
    """The reply to the request. `timeout` is in seconds.

    Raises the TamsError that the service raised, Unavailable if it does not answer, and DeadlineExceeded if
    it is too slow.
    """
    trace = current.get()
    if trace is None or not trace.sampled:
        return await _call(method, request, timeout, trace)
    with span(_name(method), CLIENT):
        return await _call(method, request, timeout, current.get())


async def _call(
    method: Method[Q_contra, R_co], request: Q_contra, timeout: float, trace: Trace | None
) -> R_co:
    metadata = ((REQUEST_ID_KEY, logs.request_id.get()), *caller.metadata())
    if trace is not None:
        metadata = (*metadata, (TRACEPARENT, trace.header()))
    try:
        return await method(request, timeout=timeout, metadata=metadata)
    except aio.AioRpcError as error:
        raise _own_error(from_rpc_error(error)) from None


def _name(method: object) -> str:
    """The name of a method of a stub, such as tams.metadata.v1.FlowService/GetFlow."""
    path: bytes = getattr(method, METHOD, b"call")
    return path.decode().removeprefix("/")


def _own_error(error: TamsError) -> TamsError:
    """The error for our caller, who is not at fault if the service does not trust this process."""
    if isinstance(error, Unauthenticated) and error.reason in caller.MISFITS:
        _log.error("a service refuses the calls of this process", extra={"reason": error.summary})
        return Unavailable("the parts of the store do not trust each other", reason="PARTS_DISAGREE")
    return error


def open_channel(
    address: str, services: Sequence[ServiceDescriptor], tls_files: Mapping[str, str] | None = None
) -> aio.Channel:
    """A channel to the replicas at an address such as "127.0.0.1:8101" or "dns:///metadata:8101".

    Calls go round robin to the replicas that report SERVING. If a replica does not answer, methods that are
    marked as idempotent in their proto are retried; others are not, because they may have been executed.

    With files for TLS, as in ProcessSettings.tls_files, replicas need a certificate for the host in the
    address. StartupError if the files cannot be used.
    """
    options = (
        ("grpc.service_config", json.dumps(service_config(services))),
        ("grpc.enable_retries", 1),
        # A proxy in the environment is for access to other networks; the services are in this one.
        ("grpc.enable_http_proxy", 0),
        # A replica that hangs is left after 4 to 7 s. Its idempotent calls are repeated in time.
        ("grpc.keepalive_time_ms", 3000),
        ("grpc.keepalive_timeout_ms", _PING_TIMEOUT_MS),
        ("grpc.http2.ping_timeout_ms", _PING_TIMEOUT_MS),
        ("grpc.http2.max_pings_without_data", 0),
        # The default of 30 s would find new replicas late, and none while a name is rolled over.
        ("grpc.dns_min_time_between_resolutions_ms", 1000),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1000),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_metadata_size", _MAX_METADATA_BYTES),
    )
    files = open_certificates(tls_files or {})
    if files is None:
        return aio.insecure_channel(address, options=(*options, _attempt_option(_PLAIN_ATTEMPT_MS)))
    secure = (*options, _attempt_option(_TLS_ATTEMPT_MS))
    return RenewingChannel(
        files, lambda shown: aio.secure_channel(address, channel_credentials(shown), options=secure)
    )


def _attempt_option(milliseconds: int) -> tuple[str, int]:
    """The least time that an attempt to connect has, whatever the name of the option says."""
    return ("grpc.min_reconnect_backoff_ms", milliseconds)


def service_config(services: Sequence[ServiceDescriptor]) -> dict[str, Any]:
    """The gRPC service config (grpc/service_config.proto): load balancing, health checks and retries."""
    idempotent = [
        {"service": service.full_name, "method": method.name}
        for service in services
        for method in service.methods
        if _is_idempotent(method)
    ]
    return {
        "loadBalancingConfig": [{"round_robin": {}}],
        **({"healthCheckConfig": {"serviceName": services[0].full_name}} if services else {}),
        "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.5},
        "methodConfig": [{"name": idempotent, "retryPolicy": _RETRY}] if idempotent else [],
    }


def _is_idempotent(method: MethodDescriptor) -> bool:
    level = method.GetOptions().idempotency_level
    return level in (MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT)
