"""Short ways to describe operations."""

from collections.abc import Sequence
from typing import Final

from gateway.openapi import responses
from gateway.openapi.parts import Part, ref, text

# Statuses that reads and writes of one thing end with.
READ: Final = (400, 404)
WRITE: Final = (400, 403, 404, 409)
# Of changes to parts of a resource: sources know no read-only.
CHANGE: Final = {"Source": (400, 404, 409), "Flow": WRITE}

PAGED: Final = responses.PAGING_HEADERS


def operation(
    name: str,
    summary: str,
    answers: Part,
    *,
    takes: Sequence[Part] = (),
    fails: Sequence[int] = (),
    body: str = "",
    body_required: bool = True,
    asks_services: bool = True,
) -> Part:
    """An operation that reads `body`, a schema's name, and may fail with these statuses beyond the usual."""
    codes = (
        *fails,
        *(responses.WITH_QUERY if takes else ()),
        *(responses.WITH_BODY if body else ()),
        *(responses.OF_SERVICES if asks_services else ()),
    )
    described: Part = {
        "operationId": name,
        "summary": summary,
        "parameters": list(takes),
        "responses": answers | responses.errors(codes),
    }
    if body:
        content = {"application/json": {"schema": ref(body)}}
        described["requestBody"] = {"required": body_required, "content": content}
    return described


def ok(schema: str, description: str, headers: Part | None = None) -> Part:
    """200 with a body."""
    return {"200": responses.json(schema, description, headers)}


def created(description: str, schema: str = "") -> Part:
    """201, with a body if a schema is named."""
    return {"201": responses.json(schema, description) if schema else responses.empty(description)}


def done(description: str) -> Part:
    """204."""
    return {"204": responses.empty(description)}


def accepted() -> Part:
    """202 with the deletion request."""
    location = {"Location": responses.header(text("Where to ask how far it is."), always=True)}
    return {"202": responses.json("DeletionRequest", "Segments are still going.", location)}
