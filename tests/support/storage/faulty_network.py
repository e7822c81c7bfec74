"""A network between media and object storage that answers in place of the storage, is silent, or breaks."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from simulators.vast.http.listening import stop_listening

# Makes the kernel send a reset instead of a regular end of the connection.
_LINGER: Final = struct.pack("ii", 1, 0)
_CHUNK: Final = 64 * 1024
FINE: Final = "fine"
# Faults of connections: the request is reset before it arrives, gets no answer, is carried out and its answer
# is lost, or its answer is cut: within what was announced, or without an announced length.
BROKEN: Final = ("reset", "stall", "lost", "cut", "cut-unannounced")
# Answers of storage, with the code of each.
ANSWERS: Final = {
    "SlowDown": 503,
    "InternalError": 500,
    "RequestTimeTooSkewed": 403,
    "InvalidAccessKeyId": 403,
    "SignatureDoesNotMatch": 403,
}


@dataclass
class FaultyNetwork:
    """A proxy in front of a store; `fault` is FINE, or one of BROKEN or ANSWERS."""

    target: str
    fault: str = FINE
    url: str = ""
    # The first lines of the requests.
    requests: list[bytes] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on the requests of one connection until either side ends."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._pass_on(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    def end(self) -> None:
        """End all connections."""
        for task in self._tasks:
            task.cancel()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = urlsplit(self.target)
        far_reader, far_writer = await asyncio.open_connection(address.hostname, address.port)
        answers = asyncio.create_task(self._answers(far_reader, writer))
        try:
            while data := await reader.read(_CHUNK):
                self.requests.append(data.partition(b"\r\n")[0])
                if self.fault == "reset":
                    return _reset(writer)
                if self.fault in ANSWERS:
                    return await _answer(writer, self.fault)
                if self.fault != "stall":
                    far_writer.write(data)
                    await far_writer.drain()
        finally:
            answers.cancel()
            far_writer.close()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            if self.fault == "lost":
                return _reset(writer)
            if self.fault in ("cut", "cut-unannounced"):
                writer.write(_cut(data, announced=self.fault == "cut"))
                await writer.drain()
                return _reset(writer) if self.fault == "cut" else writer.close()
            writer.write(data)
        writer.close()
        return None


@asynccontextmanager
async def faulty_network(target: str) -> AsyncIterator[FaultyNetwork]:
    """A network on loopback in front of the endpoint of a store."""
    network = FaultyNetwork(target)
    server = await asyncio.start_server(network.serve, "127.0.0.1", 0)
    network.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield network
    finally:
        network.end()
        await stop_listening(server)


def _cut(data: bytes, *, announced: bool) -> bytes:
    """The first half of an answer; without an announced length, the begin of a document."""
    return data[: len(data) // 2] if announced else b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<List"


async def _answer(writer: asyncio.StreamWriter, code: str) -> None:
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    head = f"HTTP/1.1 {ANSWERS[code]} x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
    writer.transport.abort()
