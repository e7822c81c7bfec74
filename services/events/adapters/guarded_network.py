"""Connections to permitted addresses only.

A name is resolved here and every address it has is checked; the connection then goes to an address
that was checked, so that a second look-up cannot lead elsewhere (DNS rebinding).
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any, Final

import httpcore
from httpcore import AsyncNetworkBackend, AsyncNetworkStream

from services.shared.addresses import Addresses

# The addresses of a name, in the order to try them. OSError or UnicodeError when it has none.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

# Most look-ups at a time. A subscriber has one at most, so slow names hold up others only beyond this.
_LOOKUPS: Final = 64
# Most addresses of one name to try.
_TRIED: Final = 4


class Resolver:
    """The system's resolver, on threads of its own: names that take long wait beside each other."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUPS, "resolve")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a name."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, host, port)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def close(self) -> None:
        """Drop look-ups that have not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class GuardedNetwork(AsyncNetworkBackend):
    """Connects one subscriber."""

    def __init__(self, addresses: Addresses, resolve: Resolve) -> None:
        self._addresses = addresses
        self._resolve = resolve
        self._inner = httpcore.AnyIOBackend()
        self._looking: asyncio.Future[Sequence[str]] | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        """A connection to the first address of the host that takes it; ConnectError for forbidden ones."""
        addresses = await self._permitted(host, port)
        each = None if timeout is None else timeout / len(addresses)
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, each, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(addresses[-1], port, each, local_address, socket_options)

    async def _permitted(self, host: str, port: int) -> Sequence[str]:
        try:
            found = await self._look_up(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"cannot resolve {host}: {error}") from None
        if not found:
            raise httpcore.ConnectError(f"{host} has no address")
        for address in found:
            if not self._addresses.allows(ip_address(address.partition("%")[0])):
                raise httpcore.ConnectError(f"{host} leads to {address}, which is not permitted")
        return found[:_TRIED]

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        """Asked once for all who want to know now; a look-up cannot be called off once it has begun."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._resolve(host, port))
            self._looking.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(self._looking)


def _look_up(host: str, port: int) -> list[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
