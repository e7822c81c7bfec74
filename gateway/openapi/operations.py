"""What each operation does, takes and answers, in the order of the route table."""

from collections.abc import Sequence
from typing import Final

from gateway.openapi import parameters, responses
from gateway.openapi.parts import Part, ref

_READ: Final = (400, 404)
_WRITE: Final = (400, 403, 404)


def _operation(
    name: str,
    summary: str,
    answers: Part,
    *,
    takes: Sequence[Part] = (),
    fails: Sequence[int] = (),
    body: str = "",
    body_required: bool = True,
) -> Part:
    codes = (*fails, *(responses.WITH_BODY if body else ()), *responses.EVERYWHERE)
    operation = {
        "operationId": name,
        "summary": summary,
        "parameters": list(takes),
        "responses": answers | responses.errors(codes),
    }
    if body:
        content = {"application/json": {"schema": ref(body)}}
        operation["requestBody"] = {"required": body_required, "content": content}
    return operation


def _ok(schema: str, description: str, headers: Part | None = None) -> Part:
    return {"200": responses.json(schema, description, headers)}


def _created(description: str, schema: str = "") -> Part:
    return {"201": responses.json(schema, description) if schema else responses.empty(description)}


def _done(description: str) -> Part:
    return {"204": responses.empty(description)}


def _accepted() -> Part:
    location = {"Location": {"description": "Where to ask how far it is.", "schema": {"type": "string"}}}
    return {"202": responses.json("DeletionRequest", "Segments are still going.", location)}


_PAGED: Final = responses.PAGING_HEADERS

OPERATIONS: Final[dict[str, dict[str, Part]]] = {
    "/": {"get": _operation("listResources", "Names of resources", _ok("Resources", "The names."))},
    "/service": {"get": _operation("getService", "This store", _ok("Service", "The store."))},
    "/service/storage-backends": {
        "get": _operation(
            "listStorageBackends", "Where media is kept", _ok("StorageBackends", "All backends.")
        )
    },
    "/sources": {
        "get": _operation(
            "listSources",
            "Sources that pass all filters",
            _ok("Sources", "One page.", _PAGED),
            takes=(parameters.LABEL, parameters.FORMAT, *parameters.TAGS, *parameters.PAGING),
            fails=(400,),
        )
    },
    "/sources/{sourceId}": {
        "get": _operation("getSource", "One source", _ok("Source", "The source."), fails=(404,))
    },
    "/flows": {
        "get": _operation(
            "listFlows",
            "Flows that pass all filters",
            _ok("Flows", "One page.", _PAGED),
            takes=(*parameters.FLOW_FILTERS, *parameters.PAGING),
            fails=(400,),
        )
    },
    "/flows/{flowId}": {
        "get": _operation(
            "getFlow",
            "One flow",
            _ok("Flow", "The flow."),
            takes=parameters.FLOW_TIMERANGE,
            fails=_READ,
        ),
        "put": _operation(
            "putFlow",
            "Create a flow or replace all of it",
            _created("It is new.", "Flow") | _done("It replaced the former one."),
            body="Flow",
            fails=_WRITE,
        ),
        "delete": _operation(
            "deleteFlow",
            "Delete a flow and its segments",
            _done("It is gone.") | _accepted(),
            fails=(403, 404),
        ),
    },
    "/flows/{flowId}/segments": {
        "get": _operation(
            "listSegments",
            "Segments of a flow, with URLs to read them; none for an unknown flow",
            _ok("Segments", "One page.", responses.SEGMENT_HEADERS),
            takes=(*parameters.SEGMENT_FILTERS, *parameters.PAGING),
            fails=_READ,
        ),
        "post": _operation(
            "createSegments",
            "Register segments whose objects are uploaded",
            _created("All are stored.") | _ok("FailedSegments", "Some of a list are not stored."),
            body="NewSegments",
            fails=_WRITE,
        ),
        "delete": _operation(
            "deleteSegments",
            "Delete segments; those only partly in the range stay whole",
            _done("They are gone, or there were none.") | _accepted(),
            takes=parameters.DELETED_RANGE,
            fails=_WRITE,
        ),
    },
    "/flows/{flowId}/storage": {
        "post": _operation(
            "allocateStorage",
            "New objects to upload media to",
            _created("All are allocated.", "FlowStorage"),
            body="StorageRequest",
            body_required=False,
            fails=_WRITE,
        )
    },
    "/objects/{objectId}": {
        "get": _operation(
            "getObject",
            "One object and who uses it",
            _ok("Object", "The object.", _PAGED),
            takes=parameters.PAGING,
            fails=_READ,
        )
    },
    "/flow-delete-requests": {
        "get": _operation(
            "listDeletionRequests", "The latest deletions", _ok("DeletionRequests", "The deletions.")
        )
    },
    "/flow-delete-requests/{requestId}": {
        "get": _operation(
            "getDeletionRequest",
            "How far a deletion is",
            _ok("DeletionRequest", "The deletion."),
            fails=(404,),
        )
    },
    "/x/analytics/flows/{flowId}/coverage": {
        "get": _operation(
            "getCoverage",
            "Where a flow has media and where it has gaps",
            _ok("Coverage", "The coverage."),
            takes=parameters.COVERAGE,
            fails=_READ,
        )
    },
    "/x/analytics/storage-usage": {
        "get": _operation("getStorageUsage", "What is stored where", _ok("StorageUsage", "The usage."))
    },
    "/health": {
        "get": {
            "operationId": "getHealth",
            "summary": "Whether every part answers",
            "parameters": [],
            "responses": _ok("Health", "Every part does.")
            | {"503": responses.json("Health", "Some part does not.")},
        }
    },
    "/openapi.json": {
        "get": {
            "operationId": "getOpenApi",
            "summary": "This document",
            "parameters": [],
            "responses": {
                "200": {
                    "description": "The document.",
                    "content": {"application/json": {"schema": {"type": "object"}}},
                }
            },
        }
    },
    "/docs": {
        "get": {
            "operationId": "getDocs",
            "summary": "This document as a page",
            "parameters": [],
            "responses": {
                "200": {
                    "description": "The page.",
                    "content": {"text/html": {"schema": {"type": "string"}}},
                }
            },
        }
    },
}
