"""Finds the route of a path.

A path is split at its slashes and then decoded, so "%2F" does not separate. Ids that may contain slashes
(object ids, tag names) are always the last part of a path in TAMS 7.0. So a last parameter written
"{name...}" takes the rest of the path with its slashes; "a/b" and "a%2Fb" mean the same there, because
proxies may decode. A parameter written "{name+}" is one part of the path, whose slashes must be encoded. All
other parameters are UUIDs or plain words without slashes.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import quote, unquote

from gateway.errors import UnknownPath
from gateway.http.responses import Response
from services.shared.access.principal import Scope

# The largest request body in bytes unless the route sets another limit; enough for one document.
DOCUMENT_BYTES: Final = 1024 * 1024

# Called with the request and the parameters of the path in order.
Handler = Callable[..., Awaitable[Response]]

# The scope that each method needs; HEAD needs that of GET.
SCOPES: Final = {
    "GET": Scope.READ,
    "POST": Scope.WRITE,
    "PUT": Scope.WRITE,
    "DELETE": Scope.DELETE,
}
_REST: Final = "...}"
_WITH_SLASHES: Final = "+}"
_SHOWN_CHARACTERS: Final = 200


class Route:
    """A path and the handler of each method. GET also answers HEAD; OPTIONS is always allowed.

    `template` is a path such as "/flows/{flowId}/tags/{name...}". `body_bytes` is the largest request body in
    bytes; if it is None, the limit in the settings applies. With access control, callers need the scope that
    SCOPES or `scopes` has for their method; public routes are open to everyone.
    """

    __slots__ = (
        "allowed", "body_bytes", "handlers", "name", "scopes", "segments", "template"
    )  # fmt: skip

    def __init__(
        self,
        template: str,
        *,
        body_bytes: int | None = DOCUMENT_BYTES,
        scopes: Mapping[str, Scope] = SCOPES,
        public: bool = False,
        **methods: Handler,
    ) -> None:
        self.body_bytes = body_bytes
        self.segments = template.split("/")[1:]
        self.template = template.replace(_REST, "}").replace(_WITH_SLASHES, "}")
        # The last literal part of the path, for example the name of a property.
        self.name = next((segment for segment in reversed(self.segments) if segment[:1] != "{"), "")
        handlers = {method.upper(): handler for method, handler in methods.items()}
        if "GET" in handlers:
            handlers["HEAD"] = handlers["GET"]
        self.handlers: Mapping[str, Handler] = handlers
        # A method without a scope fails here, at start, because it would be open to everyone.
        needed = {**SCOPES, **scopes}
        self.scopes: Mapping[str, Scope] = (
            {} if public else {method: needed["GET" if method == "HEAD" else method] for method in handlers}
        )
        self.allowed = (*sorted(handlers), "OPTIONS")

    def path(self, params: Iterable[str]) -> str:
        """The percent-encoded path with these parameters, in order."""
        values = iter(params)
        parts = (quote(next(values), safe="") if part[:1] == "{" else part for part in self.segments)
        return "/" + "/".join(parts)


class _Node:
    __slots__ = ("child", "literals", "rest", "route", "with_slashes")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.child: _Node | None = None
        # True if the parameter of `child` may have slashes.
        self.with_slashes = False
        self.rest: Route | None = None
        self.route: Route | None = None


class Router:
    """A tree of path segments that finds the route of a path."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = routes
        self._root = _Node()
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in route.segments:
            if segment.endswith(_REST):
                node.rest = route
                return
            if segment.startswith("{"):
                node.with_slashes = segment.endswith(_WITH_SLASHES)
                node.child = node = node.child or _Node()
            else:
                node = node.literals.setdefault(segment, _Node())
        node.route = route

    def resolve(self, path: str) -> tuple[Route, list[str]]:
        """The route and the decoded parameters of a raw path. UnknownPath if no route matches."""
        node = self._root
        params: list[str] = []
        parts = path.split("/")
        if "%" in path:
            parts = [unquote(part) for part in parts]
        for index in range(1, len(parts)):
            part = parts[index]
            if (literal := node.literals.get(part)) is not None:
                node = literal
            elif node.rest is not None:
                params.append("/".join(parts[index:]))
                return node.rest, params
            elif node.child is not None and part and (node.with_slashes or "/" not in part):
                params.append(part)
                node = node.child
            else:
                raise _unknown(path)
        if node.route is None:
            raise _unknown(path)
        return node.route, params


def _unknown(path: str) -> UnknownPath:
    return UnknownPath(f"this API has no path {path[:_SHOWN_CHARACTERS]!r}")
