"""Which flows a change may touch."""

from services.metadata.application.ports import Tables
from services.metadata.domain.flow import StoredFlow
from services.shared.errors import FailedPrecondition, NotFound, PermissionDenied
from services.shared.ids import is_uuid


def flow_not_found(flow_id: str) -> NotFound:
    """The error for an unknown or malformed flow id."""
    return NotFound(f"no flow {flow_id[:64]!r}", reason="FLOW_NOT_FOUND")


def read_only(flow_id: str) -> PermissionDenied:
    """The error for a change of a read-only flow."""
    return PermissionDenied(f"flow {flow_id} is read-only", reason="FLOW_READ_ONLY")


def known_flow(tables: Tables, flow_id: str) -> StoredFlow:
    """The flow; NotFound when there is none or the id is malformed."""
    flow = tables.flows.get(flow_id) if is_uuid(flow_id) else None
    if flow is None:
        raise flow_not_found(flow_id)
    return flow


def writable_flow(tables: Tables, flow_id: str) -> StoredFlow:
    """The flow, if it may change; NotFound, or PermissionDenied when it is read-only."""
    flow = known_flow(tables, flow_id)
    if flow.read_only:
        raise read_only(flow_id)
    return flow


def owning_flow(tables: Tables, flow_id: str) -> StoredFlow:
    """The flow, if it may change and own segments; FailedPrecondition when it has no container."""
    flow = writable_flow(tables, flow_id)
    if not flow.container:
        raise FailedPrecondition(
            f"flow {flow_id} has no container, so it owns no segments or objects", reason="NO_CONTAINER"
        )
    return flow
