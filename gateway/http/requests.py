"""The requests that handlers get."""

from collections.abc import Sequence

from gateway.http.query import Query
from gateway.http.routing import Route
from gateway.http.rsgi import Protocol, Scope


class Request:
    """One request. `params` are the decoded parameters of its path, in order."""

    __slots__ = (
        "headers",
        "held_bytes",
        "params",
        "protocol",
        "query_string",
        "reserved_bytes",
        "route",
        "scope",
    )

    def __init__(self, scope: Scope, protocol: Protocol, route: Route, params: Sequence[str]) -> None:
        self.scope = scope
        self.protocol = protocol
        self.route = route
        self.params = params
        self.headers = scope.headers
        self.query_string = scope.query_string
        # Bytes of the body that count against the limit of all bodies: received, and declared in advance.
        self.held_bytes = 0
        self.reserved_bytes = 0

    def query(self) -> Query:
        """The parsed query string. InvalidArgument BAD_QUERY if it is malformed."""
        return Query(self.query_string)
