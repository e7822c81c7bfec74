"""Which route a path belongs to.

The server hands over paths already percent-decoded, so "/objects/a%2Fb" arrives as "/objects/a/b". Ids
that may contain slashes (object ids, tag names) only ever stand last in TAMS 7.0, so a last parameter
written "{name...}" takes the rest of the path, slashes and all; every other one is a UUID or plain word.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from gateway.errors import UnknownPath
from gateway.http.responses import Response

# Called with the request and the path's parameters in order.
Handler = Callable[..., Awaitable[Response]]

_REST: Final = "...}"
_SHOWN_CHARACTERS: Final = 200


class Route:
    """A path and the handler of each method. HEAD comes with GET, OPTIONS with every path."""

    __slots__ = ("allowed", "handlers", "name", "segments", "template")

    def __init__(self, template: str, **methods: Handler) -> None:
        self.segments = template.split("/")[1:]
        self.template = template.replace(_REST, "}")
        # The last word of the path: what it is a path of.
        self.name = next((one for one in reversed(self.segments) if one[:1] != "{"), "")
        handlers = {method.upper(): handler for method, handler in methods.items()}
        if "GET" in handlers:
            handlers["HEAD"] = handlers["GET"]
        self.handlers: Mapping[str, Handler] = handlers
        self.allowed = (*sorted(handlers), "OPTIONS")

    def path(self, params: Iterable[str]) -> str:
        """The percent-encoded path with these parameters."""
        values = iter(params)
        parts = (quote(next(values), safe="") if part[:1] == "{" else part for part in self.segments)
        return "/" + "/".join(parts)


class _Node:
    __slots__ = ("child", "literals", "rest", "route")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.child: _Node | None = None
        self.rest: Route | None = None
        self.route: Route | None = None


class Router:
    """Finds the route of a path, one step for each of its segments."""

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
                node.child = node = node.child or _Node()
            else:
                node = node.literals.setdefault(segment, _Node())
        node.route = route

    def resolve(self, path: str) -> tuple[Route, list[str]]:
        """The route of a decoded path and its parameters. UnknownPath when there is none."""
        node = self._root
        params: list[str] = []
        parts = path.split("/")
        for index in range(1, len(parts)):
            part = parts[index]
            if (literal := node.literals.get(part)) is not None:
                node = literal
            elif node.rest is not None:
                params.append("/".join(parts[index:]))
                return node.rest, params
            elif node.child is not None and part:
                params.append(part)
                node = node.child
            else:
                raise _unknown(path)
        if node.route is None:
            raise _unknown(path)
        return node.route, params


def _unknown(path: str) -> UnknownPath:
    return UnknownPath(f"there is nothing at {path[:_SHOWN_CHARACTERS]!r}")
