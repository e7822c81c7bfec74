"""Decides which addresses the store may connect to if a client chose the URL (SSRF guard).

By default internal addresses are forbidden: loopback, link-local (with cloud metadata), private and other
special ranges (IANA special-purpose registries, RFC 6890). A list of allowed networks opens some of them for
tests and intranets.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from services.shared.errors import InvalidArgument, StartupError
from services.shared.process.settings import WEBHOOK_NETWORKS

Address = IPv4Address | IPv6Address

HOW_TO_ALLOW: Final = f"{WEBHOOK_NETWORKS} lists the internal networks that are allowed"

# Special ranges that some Python releases treat as global.
_SPECIAL: Final = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "fec0::/10")))
# Link-local ranges (RFC 3927, RFC 4291), and other addresses at which clouds serve the credentials of a
# machine.
_LOCAL_SERVICES: Final = tuple(
    map(
        ip_network, ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "100.100.100.200/32", "168.63.129.16/32")
    )
)
_LOCAL_NAMES: Final = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
_COMPATIBLE: Final = ip_network("::/96")


class Addresses:
    """Checks addresses. `allowed` are networks that are permitted although they are internal.

    Host names must be resolved first.
    """

    def __init__(self, allowed: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self._allowed = allowed

    @classmethod
    def parse(cls, text: str) -> "Addresses":
        """A guard that allows a comma list of networks such as "127.0.0.0/8,10.1.0.0/16".

        StartupError for a malformed network.
        """
        try:
            return cls([ip_network(part.strip()) for part in text.split(",") if part.strip()])
        except ValueError as error:
            raise StartupError(f"list of networks: {error}") from None

    def allows(self, address: Address) -> bool:
        """True if a connection to the address is permitted."""
        inner = _unmapped(address)
        if _within(inner, self._allowed):
            return True
        is_special = inner.is_multicast or inner.is_reserved or _within(inner, _SPECIAL)
        return inner.is_global and not is_special

    def check_url(self, url: str) -> None:
        """InvalidArgument BAD_WEBHOOK if the host of the URL is a forbidden address."""
        address = _literal(urlsplit(url).hostname or "")
        if address is not None and not self.allows(address):
            raise InvalidArgument(
                f"$.url: {address} is not an address this store may send to; {HOW_TO_ALLOW}",
                reason="BAD_WEBHOOK",
                path="$.url",
            )


def is_local_service(host: str) -> bool:
    """True for an address or name that is different on each machine, such as cloud metadata."""
    if host.lower().rstrip(".") in _LOCAL_NAMES:
        return True
    address = _literal(host)
    if address is None:
        return False
    inner = _unmapped(address)
    if isinstance(inner, IPv6Address) and inner in _COMPATIBLE:
        inner = IPv4Address(int(inner))
    return _within(inner, _LOCAL_SERVICES)


def is_loopback(host: str) -> bool:
    """True for an address of this machine alone, such as 127.0.0.1, ::1 or localhost."""
    address = _literal(host.strip("[]"))
    return address is not None and _unmapped(address).is_loopback


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
    """The address in a form that inet_aton and resolvers accept, such as 127.1, 0x7f000001 or 2130706433."""
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
    """The IPv4 address in a mapped or translated IPv6 address, else the address (RFC 4291, 6052, 3056)."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in ip_network("64:ff9b::/96"):
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address
