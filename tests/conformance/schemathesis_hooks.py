"""What schemathesis cannot know from the document."""

from typing import Any

import schemathesis


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """A flow's body names the flow of the path; at random it hardly ever would, and none be stored."""
    if (
        case.operation.definition.raw.get("operationId") == "putFlow"
        and isinstance(case.body, dict)
        and isinstance(case.body.get("id"), str)
    ):
        case.body["id"] = case.path_parameters.get("flowId")
