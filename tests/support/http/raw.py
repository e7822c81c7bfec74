"""Requests as bytes, for tests of requests that no client library would send."""

import asyncio
from typing import NamedTuple

import httpx
import msgspec


class Answer(NamedTuple):
    """The status, the headers by name in lower case, and the body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def reason(self) -> str:
        """The `type` of a TAMS error."""
        return str(msgspec.json.decode(self.body)["type"])


async def exchange(tams: httpx.AsyncClient, request: bytes, *, end: bool = False) -> bytes:
    """The bytes with which the server answers a request until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", tams.base_url.port)
    writer.write(request)
    if end:
        writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


async def get(tams: httpx.AsyncClient, target: str, *headers: str, method: str = "GET") -> Answer:
    """The answer to a request with this exact target and headers. Host is the client's unless given."""
    host = (
        ()
        if any(header.lower().startswith("host") for header in headers)
        else (f"Host: {tams.base_url.netloc.decode()}",)
    )
    lines = (f"{method} {target} HTTP/1.1", *host, *headers, "Connection: close", "", "")
    return parsed_answer(await exchange(tams, "\r\n".join(lines).encode("latin-1")))


def parsed_answer(raw: bytes) -> Answer:
    """The parts of a raw answer."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *headers = head.decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in headers)
    return Answer(int(status.split()[1]), {name.lower(): value for name, value in pairs}, body)
