"""Flows."""

from typing import Final

from gateway.openapi import parameters
from gateway.openapi.describe import PAGED, READ, WRITE, accepted, created, done, ok, operation
from gateway.openapi.operations import properties
from gateway.openapi.parts import Part

OPERATIONS: Final[dict[str, dict[str, Part]]] = {
    "/flows": {
        "get": operation(
            "listFlows",
            "Flows that pass all filters",
            ok("Flows", "One page.", PAGED),
            takes=(*parameters.FLOW_FILTERS, *parameters.PAGING),
            fails=(400,),
        )
    },
    "/flows/{flowId}": {
        "get": operation(
            "getFlow",
            "One flow",
            ok("Flow", "The flow."),
            takes=parameters.FLOW_TIMERANGE,
            fails=READ,
        ),
        "put": operation(
            "putFlow",
            "Create a flow or replace all of it",
            created("It is new.", "Flow") | done("It replaced the former one."),
            body="Flow",
            fails=WRITE,
        ),
        "delete": operation(
            "deleteFlow",
            "Delete a flow and its segments",
            done("It is gone.") | accepted(),
            fails=(403, 404, 409),
        ),
    },
    **properties.of(
        "Flow",
        "/flows/{flowId}",
        "description",
        "label",
        "read_only",
        "flow_collection",
        "max_bit_rate",
        "avg_bit_rate",
    ),
}
