"""Responses as handlers make them."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Final

Header = tuple[str, str]

JSON: Final[Header] = ("content-type", "application/json")
HTML: Final[Header] = ("content-type", "text/html; charset=utf-8")


class Response:
    """A status, headers beyond those every response has, and a body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes = b"", headers: Sequence[Header] = ()) -> None:
        self.status = status
        self.body = body
        self.headers = headers


def json(body: bytes, headers: Sequence[Header] = (), status: int = HTTPStatus.OK) -> Response:
    """A response with a JSON body."""
    return Response(status, body, (JSON, *headers))


def json_list(documents: Iterable[bytes], headers: Sequence[Header] = ()) -> Response:
    """200 with a JSON list of documents that are JSON already."""
    return json(b"[%b]" % b",".join(documents), headers)


def no_content() -> Response:
    """204."""
    return Response(HTTPStatus.NO_CONTENT)
