"""RSGI on top of granian's ASGI.

The application uses RSGI, the leaner interface of granian. But granian's RSGI passes only decoded paths, in
which `/x%2Fadmin` and `/x/admin` look the same. Its ASGI passes the raw path, so we adapt that, for a few
microseconds of CPU for each request.
"""

import asyncio
import typing
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from granian._granian import RSGIProtocolError

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], object]
Application = Callable[[Message, Receive, Send], Awaitable[None]]
# The name and the value of a header as bytes.
RawHeader = tuple[bytes, bytes]


def raw_headers(headers: Iterable[tuple[str, str]]) -> list[RawHeader]:
    """The headers of a response as bytes."""
    return [(name.encode(), value.encode("latin-1")) for name, value in headers]


class Headers:
    """The headers of a request. Names are in lower case.

    A header whose value is not ASCII is `in` the headers, but `get` returns None for it.
    """

    __slots__ = ("_first", "_pairs", "_repeats")

    def __init__(self, pairs: Sequence[RawHeader]) -> None:
        self._pairs = pairs
        first = dict(pairs)
        # True if a name occurs twice, as in few requests.
        self._repeats = len(first) != len(pairs)
        self._first = dict(reversed(pairs)) if self._repeats else first

    def __contains__(self, name: str) -> bool:
        return name.encode() in self._first

    def get(self, name: str) -> str | None:
        """The first value of that name; None if it is absent or not ASCII."""
        value = self._first.get(name.encode())
        return None if value is None or not value.isascii() else value.decode()

    def get_all(self, name: str) -> list[str]:
        """All values of that name in order; bytes that are not ASCII become U+FFFD."""
        key = name.encode()
        if (first := self._first.get(key)) is None:
            return []
        values = [value for name, value in self._pairs if name == key] if self._repeats else [first]
        return [value.decode("ascii", "replace") for value in values]

    def names(self) -> list[str]:
        """The name of each header, in lower case, with repetitions."""
        return [name.decode() for name, _ in self._pairs]


class Scope:
    """A request without its body."""

    __slots__ = ("_scope", "headers", "method", "query_string", "raw_path", "scheme")

    def __init__(self, scope: Message) -> None:
        self._scope = scope
        self.method: str = scope["method"]
        # As sent, with percent-encoding; the server rejects what is not UTF-8.
        self.raw_path: str = scope["raw_path"].decode("utf-8", "replace")
        self.query_string: str = scope["query_string"].decode("utf-8", "replace")
        self.scheme: str = scope["scheme"]
        self.headers = Headers(scope["headers"])

    @property
    def path(self) -> str:
        """The decoded path, for logs."""
        return unquote(self.raw_path)

    @property
    def http_version(self) -> str:
        """ "1" for HTTP/1.0, else "1.1"."""
        return str(self._scope["http_version"])

    @property
    def client(self) -> str:
        """The IP address of the client."""
        return str(self._scope["client"][0])

    @property
    def connection(self) -> str:
        """The IP address and port of the client, in the form of `sockets.Accepted.client`."""
        host, port = self._scope["client"]
        return f"{host.strip('[]').partition('%')[0]} {port}"


class Protocol:
    """Reads the body of a request and sends one response."""

    __slots__ = ("_is_read", "_receive", "_send")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        # True from when a reader waits for the last part of the body, even if that never comes.
        self._is_read = False

    async def read(self, length: int) -> bytes:
        """The whole body of a request that declares its length in bytes.

        RSGIProtocolError if it is incomplete. Granian ends each body with a message without bytes; to wait
        for it costs a turn of the event loop.
        """
        self._is_read = True
        message = await self._receive()
        body = _bytes_of(message)
        while len(body) < length:
            if not message.get("more_body", False):
                raise RSGIProtocolError
            message = await self._receive()
            body += _bytes_of(message)
        return body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The body in chunks.

        RSGIProtocolError if it is incomplete, badly chunked, or followed by trailers.
        """
        more = True
        while more:
            self._is_read = True
            message = await self._receive()
            chunk = _bytes_of(message)
            more = message.get("more_body", False)
            self._is_read = not more
            # Granian signals trailers with an empty chunk before the last one.
            if more and not chunk:
                raise RSGIProtocolError
            if chunk:
                yield chunk

    async def discard_rest(self, max_bytes: int, seconds: float) -> None:
        """Read what nobody has read of the body, and drop it, up to a number of bytes and seconds.

        A server that closes a connection with unread bytes resets it. A client that still sends its body
        then loses the response.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._is_read and max_bytes > 0:
                    message = await self._receive()
                    max_bytes -= len(message.get("body", b""))
                    self._is_read = not message.get("more_body", False)

    def response_empty(self, status: int, headers: Sequence[RawHeader]) -> None:
        """Send a response without a body."""
        self.response_bytes(status, headers, b"")

    def response_bytes(self, status: int, headers: Sequence[RawHeader], body: bytes) -> None:
        """Send a response with a body."""
        # Granian accepts both messages without waiting for the client.
        self._send({"type": "http.response.start", "status": status, "headers": headers})
        self._send({"type": "http.response.body", "body": body})

    def response_file(self, status: int, headers: Sequence[RawHeader], path: str) -> None:
        """Send a response with the file at `path`, which the server reads as the client receives it."""
        self._send({"type": "http.response.start", "status": status, "headers": headers})
        self._send({"type": "http.response.pathsend", "path": path})


def _bytes_of(message: Message) -> bytes:
    # Granian signals a fault of the body with a disconnect.
    if message["type"] != "http.request":
        raise RSGIProtocolError
    body: bytes = message.get("body", b"")
    return body


class RsgiApplication(typing.Protocol):
    """An application with granian's RSGI interface."""

    async def __rsgi__(self, scope: Scope, protocol: Protocol) -> None:
        """Answer one request."""
        ...


def application(app: RsgiApplication) -> Application:
    """An ASGI application that calls the RSGI application `app`."""
    rsgi = app.__rsgi__

    def asgi(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        return rsgi(Scope(scope), Protocol(receive, send))

    return asgi
