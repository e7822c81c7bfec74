"""Responses and their headers."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from gateway.openapi.parts import Part, boolean, integer, ref, text


def _header(schema: Part) -> Part:
    return {"description": schema["description"], "schema": schema}


PAGING_HEADERS: Final[Part] = {
    "Link": _header(text('URL of the next page, rel="next"; absent on the last page.')),
    "X-Paging-Limit": _header(integer("The page size in force.")),
    "X-Paging-NextKey": _header(text("Key of the next page; absent on the last page.")),
}

SEGMENT_HEADERS: Final[Part] = {
    **PAGING_HEADERS,
    "X-Paging-Count": _header(integer("Items on this page.")),
    "X-Paging-Reverse-Order": _header(boolean("Whether the newest comes first.")),
    "X-Paging-Timerange": {"description": "Extent of this page.", "schema": ref("TimeRange")},
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

# Any operation that needs a service can end so.
EVERYWHERE: Final = (
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

_RETRY: Final[Part] = {"Retry-After": _header(integer("Seconds after which to try again."))}
_RETRIABLE: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


def _error(status: int, description: str) -> Part:
    response = json("Error", description)
    return response | {"headers": _RETRY} if status in _RETRIABLE else response


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
