"""HTTP/1.1 on sockets. Each connection has its requests served one after the other."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

MAX_HEAD_BYTES = 1 << 18
MAX_BODY_BYTES = 6 << 20


@dataclass(frozen=True)
class Request:
    """A request. Path and query are as they were sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def command(self) -> str:
        """The word without a value at the beginning of the query string, or ''."""
        first = self.query.partition("&")[0]
        return "" if "=" in first else first

    @property
    def params(self) -> dict[str, str]:
        """The named values of the query string."""
        return dict(parse_qsl(self.query))

    @property
    def segments(self) -> list[str]:
        """The parts of the path, decoded."""
        return [unquote(part) for part in self.path.split("/") if part]

    @property
    def txid(self) -> int:
        """The number of the transaction; 0 for none."""
        return int(self.headers.get("tabular-txid", "0"))


@dataclass(frozen=True)
class Reply:
    """A reply. A chunked reply has no header with its length."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    chunked: bool = False


class Dropped(Exception):
    """Closes the connection, after `size` bytes of the reply if one is given, or resets it."""

    def __init__(self, reply: Reply | None = None, size: int = 0, *, reset: bool = False) -> None:
        super().__init__("connection dropped")
        self.reply, self.size, self.reset = reply, size, reset


Handler = Callable[[Request], Awaitable[Reply]]


async def serve_connection(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handle: Handler, server_name: str
) -> None:
    """Serves requests until the client closes the connection, or Dropped is raised."""
    try:
        while (request := await _read_request(reader)) is not None:
            try:
                reply = await handle(request)
            except Dropped as dropped:
                _write_part(writer, dropped, request, server_name)
                return
            writer.write(_encode(reply, request, server_name))
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
        return
    except asyncio.CancelledError:
        return  # the server stops; asyncio would report each connection that was waiting
    finally:
        writer.close()


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    lines = head.decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ")
    pairs = (line.partition(":") for line in lines[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    length = int(headers.get("content-length", "0"))
    if length > MAX_BODY_BYTES:
        raise ValueError(f"body of {length} bytes")
    path, _, query = target.partition("?")
    return Request(method, path, query, headers, await reader.readexactly(length))


def _write_part(writer: asyncio.StreamWriter, dropped: Dropped, request: Request, server_name: str) -> None:
    if dropped.reply is None:
        if dropped.reset:
            _reset_when_closed(writer.get_extra_info("socket"))
        writer.transport.abort()
        return
    whole = _encode(dropped.reply, request, server_name)
    start = whole.index(b"\r\n\r\n") + 4
    if dropped.reply.chunked:
        start = whole.index(b"\r\n", start) + 2
    writer.write(whole[: start + dropped.size])


def _reset_when_closed(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _encode(reply: Reply, request: Request, server_name: str) -> bytes:
    headers = {"Server": server_name, **reply.headers}
    body = b"" if request.method == "HEAD" else reply.body
    if reply.chunked:
        headers["Transfer-Encoding"] = "chunked"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    else:
        headers["Content-Length"] = str(len(body))
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
