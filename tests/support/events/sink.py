"""A subscriber: a small HTTP server that keeps its events and answers with a function of the test."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from simulators.vast.http.listening import stop_listening

Answer = Callable[[dict[str, Any]], Awaitable[str]]


async def take(_event: dict[str, Any]) -> str:
    """The status line of a subscriber that accepts everything."""
    return "204 No Content"


@dataclass
class Sink:
    """The accepted events as JSON, in order, with the headers of each."""

    url: str = ""
    answer: Answer = take
    events: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        """The types of the accepted events."""
        return [event["event_type"] for event in self.events]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
                event = json.loads(await reader.readexactly(int(headers["content-length"])))
                status = await self.answer(event)
                if status.startswith("2"):
                    self.events.append(event)
                    self.headers.append(headers)
                writer.write(
                    f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".replace(
                        "204 No Content\r\ncontent-length: 0", "204 No Content"
                    ).encode()
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def running_sink(answer: Answer = take, *, host: str = "127.0.0.1") -> AsyncIterator[Sink]:
    """A sink on an address of this host."""
    sink = Sink(answer=answer)
    server = await asyncio.start_server(sink.serve, host, 0)
    sink.url = f"http://{host}:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield sink
    finally:
        await stop_listening(server)
