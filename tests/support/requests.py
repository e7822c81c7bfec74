"""Requests as the HTTP server passes them on, without a server."""

from collections.abc import Mapping, Sequence

from gateway.http.requests import Request
from gateway.http.routing import Route
from gateway.http.rsgi import Message, Protocol, Scope


def scope_of(
    headers: Mapping[str, str],
    *,
    method: str = "GET",
    path: str = "/",
    scheme: str = "http",
    query: str = "",
) -> Scope:
    """The head of a request. An underscore in the name of a header stands for a hyphen."""
    return Scope(
        {
            "method": method,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "scheme": scheme,
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
        }
    )


def bodiless(scope: Scope, route: Route, params: Sequence[str] = ()) -> Request:
    """A request whose body must not be read."""
    return Request(scope, Protocol(receive, send), route, params)


async def receive() -> Message:
    """Fail: the body must not be read."""
    raise AssertionError("the body is read")


async def empty_body() -> Message:
    """The body of a request that has none."""
    return {"type": "http.request", "body": b"", "more_body": False}


def send(_message: Message) -> None:
    """Fail: no answer may be sent."""
    raise AssertionError("an answer is sent")
