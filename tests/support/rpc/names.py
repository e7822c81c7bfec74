"""A name server for one name, whose addresses a test changes."""

import asyncio
import ipaddress
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

_HEADER = struct.Struct(">HHHHHH")
_QUESTION_END = struct.Struct(">HH")
# A pointer to the name in the question, then type, class, seconds to live and length of the address.
_ANSWER = struct.Struct(">HHHIH")
_POINTER, _A, _INTERNET = 0xC00C, 1, 1
_RESPONSE = 0x8180


class _Names(asyncio.DatagramProtocol):
    """Answers each question for IPv4 addresses with all addresses, and others with none."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        number = _HEADER.unpack_from(data)[0]
        end = data.index(b"\0", _HEADER.size) + 1
        kind, _ = _QUESTION_END.unpack_from(data, end)
        addresses = self._addresses if kind == _A else ()
        answers = b"".join(
            _ANSWER.pack(_POINTER, _A, _INTERNET, 0, 4) + ipaddress.IPv4Address(address).packed
            for address in addresses
        )
        question = data[_HEADER.size : end + _QUESTION_END.size]
        header = _HEADER.pack(number, _RESPONSE, 1, len(addresses), 0, 0)
        self._transport.sendto(header + question + answers, addr)


@asynccontextmanager
async def answering_names(addresses: Sequence[str]) -> AsyncIterator[tuple[str, list[str]]]:
    """HOST:PORT of the name server, and the list of addresses, which may be changed."""
    known = [*addresses]
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Names(known), local_addr=("127.0.0.1", 0))
    host, port = transport.get_extra_info("sockname")
    try:
        yield f"{host}:{port}", known
    finally:
        transport.close()
