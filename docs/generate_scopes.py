# ruff: noqa: INP001 - a script beside the pages it writes, not part of a package
"""Writes the tables of docs/access-control.md: the scope of each operation, from routes and protos."""

import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from tams.metadata.v1 import flow_service_pb2

from gateway.http.routing import Route
from gateway.routes import Handlers, routes
from services.shared.access.principal import Scope
from services.shared.rpc.scopes import scopes_of

PAGE = Path(__file__).with_name("access-control.md")
BEGIN = "<!-- written by make docs -->\n"
END = "<!-- end -->\n"
# The folder with the generated code of all protos.
GENERATED = Path(flow_service_pb2.__file__).parents[3]


class HttpOperation(NamedTuple):
    """A method of a path, and the scope that it needs; None if it is public."""

    method: str
    path: str
    scope: Scope | None


class _Resource:
    """Stands for a resource, of which the table of routes only needs the names of the handlers."""

    def __init__(self, cls: type) -> None:
        self._cls = cls

    def __getattr__(self, name: str) -> Callable[..., object]:
        handler: Callable[..., object] = getattr(self._cls, name)
        return handler


def all_routes() -> tuple[Route, ...]:
    """The routes of the gateway. Their handlers cannot be called."""
    resources = {name: _Resource(cls) for name, cls in inspect.get_annotations(Handlers).items()}
    # They have the names of the real ones, and not their types.
    return routes(Handlers(**resources))  # type: ignore[arg-type]


def http_operations() -> Iterator[HttpOperation]:
    """Every operation of the API; HEAD is as GET and left out."""
    for route in all_routes():
        for method in route.handlers:
            if method != "HEAD":
                yield HttpOperation(method, route.template, route.scopes.get(method))


def services() -> Iterator[ServiceDescriptor]:
    """Every service of the protos."""
    for file in sorted(GENERATED.glob("tams/**/*_pb2.py")):
        name = ".".join(file.relative_to(GENERATED).with_suffix("").parts)
        yield from importlib.import_module(name).DESCRIPTOR.services_by_name.values()


def rpcs() -> Iterator[MethodDescriptor]:
    """Every RPC of the protos."""
    for service in services():
        yield from service.methods


def tables() -> str:
    """The two tables."""
    http = [
        f"| `{operation.method} {operation.path}` | {operation.scope or 'public'} |"
        for operation in http_operations()
    ]
    grpc = [
        f"| `{method.full_name.removeprefix('tams.')}` | {' or '.join(sorted(scopes_of(method)))} |"
        for method in rpcs()
    ]
    head = "|---|---|"
    return "\n".join(
        [
            "### HTTP\n",
            "| operation | scope |",
            head,
            *http,
            "",
            "### gRPC\n",
            "| RPC | scope |",
            head,
            *grpc,
            "",
        ]
    )


def page(current: str) -> str:
    """The page with its tables as the code has them now."""
    before, _, rest = current.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
