"""A network between clients and the gateway that can be slow, or break connections."""

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from simulators.vast.http.listening import stop_listening

Mode = Literal["fine", "late", "slow", "cut-requests", "cut-responses"]
MODES: Final[tuple[Mode, ...]] = ("late", "slow", "cut-requests", "cut-responses")
_CHUNK: Final = 16 * 1024
# Makes the kernel send a reset instead of a regular end of the connection.
_LINGER: Final = struct.pack("ii", 1, 0)


@dataclass
class Network:
    """A proxy that passes bytes between its port and the gateway's."""

    target: str
    numbers: random.Random
    mode: Mode = "fine"
    url: str = ""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one connection until either side ends."""
        address = urlsplit(self.target)
        try:
            far_reader, far_writer = await asyncio.open_connection(address.hostname, address.port)
        except OSError:
            writer.close()
            return
        up = asyncio.create_task(self._pass_on(reader, far_writer, "cut-requests"))
        down = asyncio.create_task(self._pass_on(far_reader, writer, "cut-responses"))
        self._tasks |= {up, down}
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
        self._tasks -= {up, down}
        for end in (writer, far_writer):
            end.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: Mode) -> None:
        try:
            while data := await reader.read(_CHUNK):
                if self.mode == cut and self.numbers.random() < 0.3:
                    writer.write(data[: self.numbers.randrange(len(data) + 1)])
                    _reset(writer)
                    return
                await self._delay(data)
                writer.write(data)
                await writer.drain()
        except OSError:
            return

    async def _delay(self, data: bytes) -> None:
        if self.mode == "late":
            await asyncio.sleep(self.numbers.uniform(0, 0.5))
        elif self.mode == "slow":
            await asyncio.sleep(min(2.0, len(data) / 20_000))


@asynccontextmanager
async def running_network(target: str, numbers: random.Random) -> AsyncIterator[Network]:
    """A network on loopback in front of an address."""
    network = Network(target, numbers)
    server = await asyncio.start_server(network.serve, "127.0.0.1", 0)
    network.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield network
    finally:
        await stop_listening(server)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
    writer.transport.abort()
