"""The addresses of clients, as limits count them."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from gateway.http.forwarded import Forwarded
from gateway.http.requests import Request

# Networks give a machine or a home as many IPv6 addresses as these bits have.
_HOST_BITS: Final = 64


class ClientAddresses:
    """Reads the address of a request: the peer's, or the one that trusted proxies report."""

    def __init__(self, forwarded: Forwarded | None) -> None:
        """`forwarded` is None if no proxy is trusted."""
        self._forwarded = forwarded

    def of(self, request: Request) -> str:
        """The IPv4 address, or the first half of the IPv6 address."""
        reported = self._forwarded.address(request.headers) if self._forwarded is not None else None
        return network_of(request.scope.client if reported is None else reported)


@lru_cache(maxsize=4096)
def network_of(text: str) -> str:
    """The IPv4 address in a text, or the network of its IPv6 address; the text if it is neither."""
    try:
        address = ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return text
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> _HOST_BITS << _HOST_BITS)}/{_HOST_BITS}"
