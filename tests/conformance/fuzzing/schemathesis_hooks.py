"""Hooks of schemathesis, for a rule that is not in the OpenAPI document."""

from typing import Any

import schemathesis


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Put the id of the path into the body of a flow. Random ids would differ, so no flow would be stored."""
    if (
        case.operation.definition.raw.get("operationId") == "putFlow"
        and isinstance(case.body, dict)
        and isinstance(case.body.get("id"), str)
    ):
        case.body["id"] = case.path_parameters.get("flowId")
