"""Looks up the flow of a request, and refuses flows that must not change."""

from services.metadata.application.classes.seeing import hides, whole
from services.metadata.application.ports import Tables
from services.metadata.domain.flows.flow import StoredFlow
from services.metadata.domain.ids import FlowId, is_flow_id
from services.shared.errors import FailedPrecondition, NotFound, PermissionDenied


def flow_not_found(flow_id: str) -> NotFound:
    """The error for an unknown or malformed flow id."""
    return NotFound(f"no flow {flow_id[:64]!r}", reason="FLOW_NOT_FOUND")


def checked_flow_id(text: str) -> FlowId:
    """The id; NotFound FLOW_NOT_FOUND if it is malformed, as no flow can have it."""
    if not is_flow_id(text):
        raise flow_not_found(text)
    return text


def read_only_error(flow_id: FlowId) -> PermissionDenied:
    """The error for a change of a read-only flow."""
    return PermissionDenied(f"flow {flow_id} is read-only", reason="FLOW_READ_ONLY")


def require_flow(tables: Tables, flow_id: str) -> StoredFlow:
    """The flow; NotFound FLOW_NOT_FOUND if the caller does not see it, or the id is malformed."""
    flow = tables.flows.get(flow_id) if is_flow_id(flow_id) else None
    if flow is None:
        raise flow_not_found(flow_id)
    return flow


def require_stored_flow(tables: Tables, flow_id: str) -> StoredFlow:
    """The flow as it is stored, also for callers who see only parts of its lists; for changes.

    NotFound FLOW_NOT_FOUND as `require_flow`, also if the caller does not see the flow.
    """
    flow = require_flow(whole(tables), flow_id)
    if hides(tables, flow.document):
        raise flow_not_found(flow_id)
    return flow


def require_writable_flow(tables: Tables, flow_id: str) -> StoredFlow:
    """The flow as it is stored, which is not read-only.

    NotFound FLOW_NOT_FOUND, or PermissionDenied FLOW_READ_ONLY if it is read-only.
    """
    flow = require_stored_flow(tables, flow_id)
    if flow.read_only:
        raise read_only_error(flow.id)
    return flow


def require_owning_flow(tables: Tables, flow_id: str) -> StoredFlow:
    """The flow as it is stored, which is not read-only and can own segments and objects: it has a container.

    The errors of `require_writable_flow`, or FailedPrecondition NO_CONTAINER.
    """
    flow = require_writable_flow(tables, flow_id)
    if not flow.container:
        raise FailedPrecondition(
            f"flow {flow_id} has no container, so it cannot own segments or objects; set its container",
            reason="NO_CONTAINER",
        )
    return flow
