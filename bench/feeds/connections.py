"""A minimal client for HTTP/1.1 on persistent connections."""

import asyncio
from typing import Final
from urllib.parse import urlsplit

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\ncontent-length:"


class Connections:
    """Idle connections by address. A request takes one, or opens a new one."""

    def __init__(self) -> None:
        self._idle: dict[str, list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = {}

    async def send(self, method: str, url: str, body: bytes = b"", headers: str = "") -> bytes:
        """The body of the reply; RuntimeError unless the status is 2xx."""
        parts = urlsplit(url)
        idle = self._idle.setdefault(parts.netloc, [])
        while idle and idle[-1][0].at_eof():
            idle.pop()  # the server closed it, as it was silent for long
        host, _, port = parts.netloc.partition(":")
        reader, writer = idle.pop() if idle else await asyncio.open_connection(host, int(port))
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        writer.write(
            f"{method} {target} HTTP/1.1\r\nhost: {parts.netloc}\r\n{headers}"
            f"content-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await reader.readuntil(_END)).lower()
        reply = await reader.readexactly(_length(head))
        idle.append((reader, writer))
        if head[9:10] != b"2":
            raise RuntimeError(f"{method} {parts.path}: {head[9:12].decode()} {reply[:200]!r}")
        return reply


def _length(head: bytes) -> int:
    at = head.find(_LENGTH)
    return int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
