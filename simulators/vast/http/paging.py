"""Pages of a listing, as the paging headers ask for them."""

from collections.abc import Sequence
from typing import TypeVar

from simulators.vast.http.connection import Request

T = TypeVar("T")


def wanted(names: Sequence[str], request: Request) -> list[str]:
    """Returns the names that the request's prefix or exact name lets through, in their order."""
    exact = request.headers.get("tabular-name-exact-match")
    if exact:
        return [name for name in names if name == exact]
    prefix = request.headers.get("tabular-name-prefix", "")
    return [name for name in names if name.startswith(prefix)]


def page(items: Sequence[T], request: Request) -> tuple[Sequence[T], dict[str, str]]:
    """Returns the page that the request asks for and the headers that go with it."""
    headers = request.headers
    start, size = int(headers.get("tabular-next-key", "0")), int(headers.get("tabular-max-keys", "1000"))
    stop = start + size
    counted = headers.get("tabular-list-count-only") == "True"
    reply = {
        "tabular-is-truncated": "true" if stop < len(items) and not counted else "false",
        "tabular-next-key": str(min(stop, len(items))),
        "tabular-list-count": str(len(items)),
    }
    return ([] if counted else items[start:stop]), reply
