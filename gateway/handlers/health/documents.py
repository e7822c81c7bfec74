"""JSON documents of /ready, /health and /health/details."""

from typing import Final

import msgspec
from tams.event.v1 import delivery_service_pb2
from tams.metadata.v1 import status_service_pb2

from gateway.clients.health import NOT_SERVING, SERVING, HealthReport, reason_of
from gateway.codecs.service import deliveries as codec

_DRAINING: Final = "the gateway is about to stop"
_BACKLOG: Final = tuple(field.name for field in status_service_pb2.Backlog.DESCRIPTOR.fields)


def readiness(metadata: str, *, draining: bool) -> bytes:
    """Whether the gateway can serve, and the reasons if it cannot. `metadata` is the state of that part."""
    reasons = [*([_DRAINING] if draining else ()), *_fault("metadata", metadata)]
    body: dict[str, object] = {"status": _state(not reasons)}
    return msgspec.json.encode(body | ({"reasons": reasons} if reasons else {}))


def _fault(name: str, state: str) -> list[str]:
    return [] if state == SERVING else [f"{name}: {reason_of(state)}"]


def summary(report: HealthReport, *, draining: bool) -> bytes:
    """The state of each part, and the reasons if some part is not SERVING."""
    body: dict[str, object] = {
        "status": _state(report.is_serving and not draining),
        "services": dict(report.states),
    }
    if reasons := [*report.reasons, *([_DRAINING] if draining else ())]:
        body["reasons"] = reasons
    return msgspec.json.encode(body)


def details(
    report: HealthReport,
    backlog: status_service_pb2.Backlog | None,
    deliveries: delivery_service_pb2.DeliveryStatus | None,
    *,
    draining: bool,
) -> bytes:
    """The state and reason of each part and storage backend, the tables, the backlog and the webhooks.

    `backlog` and `deliveries` are left out if they are None.
    """
    parts = {
        name: {"state": state} | ({} if state == SERVING else {"reason": report.reason(name)})
        for name, state in report.states.items()
    }
    body: dict[str, object] = {
        "status": _state(report.is_serving and not draining),
        "parts": parts,
        "storage_backends": _backends(report),
    }
    if draining:
        body["reason"] = _DRAINING
    if report.tables is not None:
        body["database"] = _database(report.tables)
    if backlog is not None:
        body["backlog"] = {name: getattr(backlog, name) for name in _BACKLOG}
    if deliveries is not None:
        body["webhooks"] = codec.document(deliveries)
    return msgspec.json.encode(body)


def _state(is_serving: bool) -> str:
    return SERVING if is_serving else NOT_SERVING


def _backends(report: HealthReport) -> list[dict[str, str]]:
    return [
        {
            "id": backend.id,
            "label": backend.label,
            "state": _state(backend.reachable),
            "circuit": "OPEN" if backend.circuit_open else "CLOSED",
        }
        | ({"reason": backend.reason} if backend.reason else {})
        for backend in report.backends
    ]


def _database(tables: status_service_pb2.GetStatusResponse) -> dict[str, object]:
    members: dict[str, object] = {"writable": not tables.refusal_reason}
    if tables.refusal_reason:
        members |= {"type": tables.refusal_reason, "reason": tables.refusal}
    if tables.HasField("free_bytes"):
        members["free_bytes"] = tables.free_bytes
    return members
