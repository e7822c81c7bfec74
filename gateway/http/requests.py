"""Requests as handlers see them."""

from collections.abc import Sequence
from typing import Any

from gateway.http.query import Query
from gateway.http.routing import Route


class Request:
    """One request. `scope` and `protocol` are granian's RSGI objects."""

    __slots__ = ("headers", "held_bytes", "params", "protocol", "query_string", "route", "scope")

    def __init__(self, scope: Any, protocol: Any, route: Route, params: Sequence[str]) -> None:
        self.scope = scope
        self.protocol = protocol
        self.route = route
        self.params = params
        self.headers = scope.headers
        self.query_string: str = scope.query_string
        # Bytes of its body that count against what may be held at once.
        self.held_bytes = 0

    def query(self) -> Query:
        """The parsed query string. InvalidArgument when it is not valid percent-encoding."""
        return Query(self.query_string)
