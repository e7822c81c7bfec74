"""The state of every part: services by the gRPC health protocol, storage and tables by their status calls."""

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

from grpc import aio
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from tams.event.v1 import delivery_service_pb2
from tams.media.v1 import status_service_pb2 as media_status_service_pb2
from tams.metadata.v1 import status_service_pb2 as metadata_status_service_pb2

from gateway.clients.deliveries import delivery_status
from gateway.clients.services import Services
from services.shared.errors import TamsError
from services.shared.rpc.client import call

TIMEOUT_SECONDS: Final = 2.0
SERVING: Final = "SERVING"
NOT_SERVING: Final = "NOT_SERVING"
UNAVAILABLE: Final = "UNAVAILABLE"
STORAGE: Final = "storage"
_REASONS: Final = {
    NOT_SERVING: "it reports that it cannot work; see its log",
    UNAVAILABLE: "it does not answer, or reports that it cannot work",
}


class HealthReport(NamedTuple):
    """The state of each part by name, the status of each storage backend, and that of the tables."""

    states: Mapping[str, str]
    backends: tuple[media_status_service_pb2.BackendStatus, ...] = ()
    # None if metadata did not answer.
    tables: metadata_status_service_pb2.GetStatusResponse | None = None

    @property
    def is_serving(self) -> bool:
        """True if every part is SERVING and the tables accept writes."""
        return set(self.states.values()) == {SERVING} and not (self.tables and self.tables.refusal_reason)

    @property
    def reasons(self) -> list[str]:
        """One sentence for each fault; empty without a fault."""
        reasons = [f"{name}: {self.reason(name)}" for name, state in self.states.items() if state != SERVING]
        if self.tables and self.tables.refusal_reason:
            reasons.append(f"writes are refused, {self.tables.refusal_reason}: {self.tables.refusal}")
        return reasons

    def reason(self, name: str) -> str:
        """Why the part of this name is not SERVING."""
        unreachable = [
            f"{backend.label} {backend.reason}" for backend in self.backends if not backend.reachable
        ]
        if name == STORAGE and unreachable:
            return "; ".join(unreachable)
        return reason_of(self.states[name])


def reason_of(state: str) -> str:
    """The meaning of a state other than SERVING, for people."""
    return _REASONS.get(state, state)


class HealthChecks:
    """Asks all parts that this gateway needs at the same time, each for at most 2 seconds."""

    def __init__(self, services: Services, *, events: bool) -> None:
        self._services = services
        self._events = events
        self._channels = {
            name: channel for name, channel in services.channels.items() if events or name != "events"
        }

    async def report(self) -> HealthReport:
        """The state of all parts; a part that does not answer is UNAVAILABLE."""
        states, backends, tables = await asyncio.gather(
            asyncio.gather(*(_state(channel) for channel in self._channels.values())),
            self._backends(),
            self._tables(),
        )
        services = dict(zip(self._channels, states, strict=True))
        return HealthReport({**services, STORAGE: _storage_state(backends)}, tuple(backends or ()), tables)

    async def metadata(self) -> str:
        """The state of metadata, without which hardly any request can be answered."""
        return await _state(self._channels["metadata"])

    async def backlog(self) -> metadata_status_service_pb2.Backlog | None:
        """The counts of waiting work, or None if metadata does not answer."""
        try:
            reply = await self._ask_tables(backlog=True)
        except TamsError:
            return None
        return reply.backlog if reply.HasField("backlog") else None

    async def deliveries(self) -> delivery_service_pb2.DeliveryStatus | None:
        """The status of deliveries, or None if events does not answer or webhooks are not offered."""
        return await delivery_status(self._services) if self._events else None

    async def _tables(self) -> metadata_status_service_pb2.GetStatusResponse | None:
        try:
            return await self._ask_tables(backlog=False)
        except TamsError:
            return None

    async def _ask_tables(self, *, backlog: bool) -> metadata_status_service_pb2.GetStatusResponse:
        request = metadata_status_service_pb2.GetStatusRequest(backlog=backlog)
        return await call(self._services.metadata_status.GetStatus, request, timeout=TIMEOUT_SECONDS)

    async def _backends(self) -> list[media_status_service_pb2.BackendStatus] | None:
        try:
            reply = await call(
                self._services.media_status.GetStatus,
                media_status_service_pb2.GetStatusRequest(),
                timeout=TIMEOUT_SECONDS,
            )
        except TamsError:
            return None
        return list(reply.backends)


def _storage_state(backends: list[media_status_service_pb2.BackendStatus] | None) -> str:
    if backends is None:
        return UNAVAILABLE
    return SERVING if all(backend.reachable for backend in backends) else NOT_SERVING


async def _state(channel: aio.Channel) -> str:
    # The type stubs do not have the methods of HealthStub.
    check = HealthStub(channel).Check  # type: ignore[attr-defined]
    try:
        reply: HealthCheckResponse = await check(HealthCheckRequest(), timeout=TIMEOUT_SECONDS)
    except aio.AioRpcError:
        return UNAVAILABLE
    return HealthCheckResponse.ServingStatus.Name(reply.status)
