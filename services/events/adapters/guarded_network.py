"""Connects to permitted addresses only.

A name is resolved once and all its addresses are checked. The connection then goes to a checked address, so a
second look-up cannot return another one (DNS rebinding).
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Final

import httpcore
from httpcore import SOCKET_OPTION, AsyncNetworkBackend, AsyncNetworkStream

from services.shared.addresses import HOW_TO_ALLOW, Addresses

# Returns the addresses of a host and port in the order to try them. OSError or UnicodeError if there is none.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

# The most concurrent look-ups: of names that were resolved before, and of others, which may take long.
_KNOWN_LOOKUPS: Final = 16
_OTHER_LOOKUPS: Final = 48
# The number of resolved names to remember.
_MAX_KNOWN: Final = 4096
# The most addresses of one name to try.
_MAX_TRIES: Final = 4


class Resolver:
    """Resolves names with the system's resolver, in threads of its own, so that slow names wait in parallel.

    Names that were resolved before have their own threads, so that they do not wait for names that fail.
    """

    def __init__(self) -> None:
        self._known_threads = ThreadPoolExecutor(_KNOWN_LOOKUPS, "resolve-known")
        self._other_threads = ThreadPoolExecutor(_OTHER_LOOKUPS, "resolve")
        self._known: dict[str, None] = {}
        self._lookups: dict[str, asyncio.Future[Sequence[str]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host; an address is returned as it is. Concurrent callers share a look-up.

        OSError or UnicodeError if the name cannot be resolved.
        """
        if _is_address(host):
            return [host]
        lookup = self._lookups.get(host)
        if lookup is None:
            lookup = self._lookups[host] = asyncio.ensure_future(self._look_up(host, port))
            lookup.add_done_callback(lambda done: self._end_lookup(host, done))
        return await asyncio.shield(lookup)

    def _end_lookup(self, host: str, done: asyncio.Future[Sequence[str]]) -> None:
        del self._lookups[host]
        if not done.cancelled():
            # Marks the error as retrieved, because all callers may have been cancelled.
            done.exception()

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        threads = self._known_threads if host in self._known else self._other_threads
        # Forgotten until it is resolved again.
        self._known.pop(host, None)
        addresses = await asyncio.get_running_loop().run_in_executor(threads, _look_up, host, port)
        while len(self._known) >= _MAX_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[host] = None
        return addresses

    def close(self) -> None:
        """Cancel look-ups that have not started."""
        for threads in (self._known_threads, self._other_threads):
            threads.shutdown(wait=False, cancel_futures=True)


class GuardedNetwork(AsyncNetworkBackend):
    """The network of the connections to one subscriber. `addresses` decides which addresses are permitted."""

    def __init__(self, addresses: Addresses, resolve: Resolve) -> None:
        self._addresses = addresses
        self._resolve = resolve
        self._inner = httpcore.AnyIOBackend()
        self._lookup: asyncio.Future[Sequence[str]] | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """A connection to the first address of the host that accepts it; `timeout` is in seconds.

        ConnectError if the host cannot be resolved, has a forbidden address, or refuses the connection.
        """
        addresses = await self._permitted_addresses(host, port)
        each = None if timeout is None else timeout / len(addresses)
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, each, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(addresses[-1], port, each, local_address, socket_options)

    async def _permitted_addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = await self._look_up(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"cannot resolve {host}: {error}") from None
        if not addresses:
            raise httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            if not self._addresses.allows(ip_address(address.partition("%")[0])):
                raise httpcore.ConnectError(
                    f"{host} leads to {address}, which is not permitted; {HOW_TO_ALLOW}"
                )
        return addresses[:_MAX_TRIES]

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        """Concurrent callers share one look-up, which cannot be cancelled once it has started."""
        if self._lookup is None or self._lookup.done():
            self._lookup = asyncio.ensure_future(self._resolve(host, port))
            self._lookup.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(self._lookup)


def _look_up(host: str, port: int) -> list[str]:
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in entries))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
