"""The responses that handlers return."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple

Header = tuple[str, str]

JSON: Final[Header] = ("content-type", "application/json")

# An upper bound of the bytes that the HTTP server reads ahead of a file; we measured 300 kB.
_AHEAD_BYTES: Final = 512 * 1024


class File(NamedTuple):
    """A file to send as the body; `size` is in bytes, `changed` its time of change in nanoseconds."""

    path: Path
    size: int
    changed: int

    @property
    def held_bytes(self) -> int:
        """The most bytes of the file that are in memory while a client reads it."""
        return min(self.size, _AHEAD_BYTES)


class Response:
    """A status, the headers that not every response has, and a body or a file.

    A response with `must_send` is sent even if unread responses fill the limit of bytes. Responses to writes
    are always sent.
    """

    __slots__ = ("body", "file", "headers", "must_send", "status")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        headers: Sequence[Header] = (),
        *,
        must_send: bool = False,
        file: File | None = None,
    ) -> None:
        self.must_send = must_send
        self.status = status
        self.body = body
        self.file = file
        self.headers = headers

    @property
    def held_bytes(self) -> int:
        """The most bytes of memory that the response takes while a client reads it."""
        return len(self.body) if self.file is None else self.file.held_bytes

    @property
    def size(self) -> int:
        """The size of the body or file in bytes."""
        return len(self.body) if self.file is None else self.file.size


def json(body: bytes, headers: Sequence[Header] = (), status: int = HTTPStatus.OK) -> Response:
    """A response with a JSON body; `headers` are added to its content type."""
    return Response(status, body, (JSON, *headers))


def json_list(documents: Iterable[bytes], headers: Sequence[Header] = ()) -> Response:
    """200 with a JSON list of documents that are already encoded."""
    return json(b"[%b]" % b",".join(documents), headers)


def no_content() -> Response:
    """204 without a body."""
    return Response(HTTPStatus.NO_CONTENT)
