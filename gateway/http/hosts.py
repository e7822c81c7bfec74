"""Host names and addresses as written in `Host`, `Origin` and `Forwarded` (RFC 9110, section 7.2)."""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple

_AUTHORITY: Final = re.compile(r"([A-Za-z0-9._~\-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{0,5}))?")
_MAX_PORT: Final = 65535


class Host(NamedTuple):
    """A host and its port. The name is in lower case; an IPv6 address has its shortest form, no brackets."""

    name: str
    port: int | None

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The IP address, or None if the host is a name."""
        return _address(self.name)

    @property
    def is_loopback(self) -> bool:
        """True for `localhost` and for loopback addresses."""
        return self.name == "localhost" or is_loopback(self.name)

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port is None else f"{name}:{self.port}"


# The requests of one client repeat the same text.
@lru_cache(maxsize=1024)
def parse(text: str) -> Host | None:
    """The host in a text such as `store.example:8000` or `[::1]`; None if it is not a host."""
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return None
    name, digits = match.groups()
    port = int(digits) if digits else None
    if port is not None and port > _MAX_PORT:
        return None
    if name[0] != "[":
        return Host(name.lower(), port)
    address = _address(name[1:-1])
    return Host(str(address), port) if isinstance(address, IPv6Address) else None


def is_loopback(address: str) -> bool:
    """True for the text of a loopback address, IPv4, IPv6 or IPv4 mapped to IPv6; False for other texts."""
    parsed = _address(address)
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return parsed is not None and parsed.is_loopback


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
