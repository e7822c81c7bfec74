"""Responses and their headers."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from gateway.openapi.parts import Part, boolean, described, integer, ref, text


def header(schema: Part, *, always: bool = False) -> Part:
    """A response header; `always` for one that no such response lacks."""
    part = {"description": schema["description"], "schema": schema}
    return part | {"required": True} if always else part


PAGING_HEADERS: Final[Part] = {
    "Link": header(text('URL of the next page, rel="next"; absent on the last page.')),
    "X-Paging-Limit": header(integer("The page size in force."), always=True),
    "X-Paging-NextKey": header(text("Key of the next page; absent on the last page.")),
}

SEGMENT_HEADERS: Final[Part] = {
    **PAGING_HEADERS,
    "X-Paging-Count": header(integer("Items on this page."), always=True),
    "X-Paging-Reverse-Order": header(boolean("Whether the newest comes first."), always=True),
    "X-Paging-Timerange": header(described(ref("TimeRange"), "Extent of this page."), always=True),
}

# Named responses, so that each error is described once.
_ERRORS: Final[dict[int, tuple[str, str]]] = {
    HTTPStatus.BAD_REQUEST: ("BadRequest", "The body or query is wrong, or does not fit what is stored."),
    HTTPStatus.FORBIDDEN: ("Forbidden", "The flow is read-only."),
    HTTPStatus.NOT_FOUND: ("NotFound", "There is no such thing, or the id in the path is malformed."),
    HTTPStatus.REQUEST_TIMEOUT: ("BodyTimeout", "The body did not arrive in time."),
    HTTPStatus.CONFLICT: ("Conflict", "A change by somebody else came first; try again."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("BodyTooLarge", "The body is longer than this store accepts."),
    HTTPStatus.REQUEST_URI_TOO_LONG: ("QueryTooLong", "The query is longer than this store accepts."),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: ("NotJson", "The body's content type is not application/json."),
    HTTPStatus.TOO_MANY_REQUESTS: ("TooManyRequests", "Too much at once; see Retry-After."),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("InternalError", "A fault of the store; its log knows more."),
    HTTPStatus.SERVICE_UNAVAILABLE: ("Unavailable", "A part of the store is away; see Retry-After."),
    HTTPStatus.GATEWAY_TIMEOUT: ("Timeout", "A part of the store was too slow."),
}

# Any operation that asks a service can end so.
OF_SERVICES: Final = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
WITH_QUERY: Final = (HTTPStatus.REQUEST_URI_TOO_LONG,)
WITH_BODY: Final = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)

RETRY: Final[Part] = {"Retry-After": header(integer("Seconds after which to try again."), always=True)}
_RETRIABLE: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


def _error(status: int, description: str) -> Part:
    response = json("Error", description)
    return response | {"headers": RETRY} if status in _RETRIABLE else response


def json(schema: str, description: str, headers: Part | None = None) -> Part:
    """A response with a JSON body."""
    content = {"application/json": {"schema": ref(schema)}}
    response = {"description": description, "content": content}
    return response | {"headers": headers} if headers else response


def empty(description: str) -> Part:
    """A response without a body."""
    return {"description": description}


def errors(statuses: Sequence[int]) -> Part:
    """References to the error responses of these statuses."""
    return {str(int(one)): {"$ref": f"#/components/responses/{_ERRORS[one][0]}"} for one in statuses}


COMPONENTS: Final[Part] = {
    name: _error(status, description) for status, (name, description) in _ERRORS.items()
}
