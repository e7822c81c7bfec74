"""Flows in bulk loads."""

from typing import Final

from services.metadata.application.clock import Moment
from services.metadata.application.flows import changes
from services.metadata.application.loads.kinds import RowKind, Step, insert_each, undo_each
from services.metadata.application.loads.read_ahead import steps_of_rows
from services.metadata.application.ports import Tables
from services.metadata.domain.flows.flow import FlowInput, parse_flow
from services.metadata.domain.ids import FlowId
from services.shared.errors import AlreadyExists

# Flows that one transaction of a rollback removes. Each removal may change the flows that collect it.
_SLICE: Final = 20


def flow_rows() -> RowKind[FlowInput]:
    """Flows as rows of a load."""
    return RowKind(
        parse_flow, insert_each(_insert), undo_each(_undo, _SLICE), steps_of_rows(_lookups, _insert)
    )


def _lookups(flow: FlowInput) -> list[Step]:
    """The lookups of the flow, its source, its stored members, and the sources of its new members."""
    flow_id, source_id = flow.flow.id, flow.flow.source_id
    lookups: list[Step] = [
        lambda tables: tables.flows.get(flow_id),
        lambda tables: tables.sources.get(source_id),
    ]
    if members := {item.id for item in flow.collection}:
        lookups += [
            lambda tables: tables.flows.members(flow_id),
            lambda tables: tables.flows.sources_of(members),
        ]
    return lookups


def _insert(tables: Tables, flow: FlowInput, now: Moment) -> FlowId:
    flow_id = flow.flow.id
    if tables.flows.get(flow_id) is not None:
        raise AlreadyExists(f"flow {flow_id} exists", reason="ROW_EXISTS", path="$.id")
    changes.put(tables, flow, now)
    return flow_id


def _undo(tables: Tables, flow_id: FlowId, now: Moment) -> bool | None:
    flow = tables.flows.get(flow_id)
    if flow is None:
        return True
    if flow.start_ns is not None or flow.read_only or tables.flows.read_only_collector(flow_id):
        return False
    # Without progress the flow has only left some of its collections.
    return None if changes.delete(tables, flow_id, now) is None else True
