"""Which addresses the store may connect to when a client chose the URL (SSRF guard).

By default none that leads back inside: loopback, link-local (cloud metadata included), private and
other special ranges (IANA special-purpose registries, RFC 6890). An allow list of networks opens some
of them for tests and intranets.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from services.shared.errors import InvalidArgument, StartupError

Address = IPv4Address | IPv6Address

# Special ranges that some Python releases take for global.
_SPECIAL: Final = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "fec0::/10")))


class Addresses:
    """Decides by address; names are for whoever resolves them."""

    def __init__(self, allowed: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self._allowed = allowed

    @classmethod
    def parse(cls, text: str) -> "Addresses":
        """The guard that allows a comma list of networks, such as "127.0.0.0/8,10.1.0.0/16"."""
        try:
            return cls([ip_network(part.strip()) for part in text.split(",") if part.strip()])
        except ValueError as error:
            raise StartupError(f"list of networks: {error}") from None

    def allows(self, address: Address) -> bool:
        """Whether a connection to the address is permitted."""
        inner = _unmapped(address)
        if _within(inner, self._allowed):
            return True
        special = inner.is_multicast or inner.is_reserved or _within(inner, _SPECIAL)
        return inner.is_global and not special

    def check_url(self, url: str) -> None:
        """InvalidArgument BAD_WEBHOOK when the URL names a forbidden address outright."""
        address = _literal(urlsplit(url).hostname or "")
        if address is not None and not self.allows(address):
            raise InvalidArgument(
                f"$.url: {address} is not an address this store may send to",
                reason="BAD_WEBHOOK",
                path="$.url",
            )


def _within(address: Address, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _literal(host: str) -> Address | None:
    if host.lower().rstrip(".") == "localhost" or host.lower().rstrip(".").endswith(".localhost"):
        return IPv4Address("127.0.0.1")
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return _legacy_ipv4(host)


def _legacy_ipv4(host: str) -> Address | None:
    """Forms that inet_aton takes and resolvers follow: 127.1, 0x7f000001, 2130706433."""
    parts = host.rstrip(".").split(".")
    if not 1 <= len(parts) <= 4:  # noqa: PLR2004 - an IPv4 address has four parts
        return None
    try:
        numbers = [int(part, _base(part)) for part in parts]
    except ValueError:
        return None
    *heads, tail = numbers
    value = sum(head << (24 - 8 * index) for index, head in enumerate(heads)) + tail
    return IPv4Address(value) if 0 <= value < 2**32 else None


def _base(part: str) -> int:
    if part[:2].lower() == "0x":
        return 16
    return 8 if part.startswith("0") and part != "0" else 10


def _unmapped(address: Address) -> Address:
    """The IPv4 address inside a mapped or translated IPv6 one (RFC 4291, RFC 6052, RFC 3056)."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in ip_network("64:ff9b::/96"):
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address
