"""Decides which web pages may write.

The API has no users and answers pages of every origin, so any page could reach a store on the machine or
network of the person who visits it. Such a page may read but not write. Programs send no Origin header and
may always write.
"""

from typing import Final, NamedTuple

from gateway.errors import ForeignOrigin
from gateway.http import hosts
from gateway.http.hosts import Host
from gateway.http.links import Links
from gateway.http.requests import Request
from services.shared.errors import StartupError

READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
SETTING: Final = "TAMS_GATEWAY_WRITE_ORIGINS"
_PORTS: Final = {"http": 80, "https": 443}
_SHOWN_CHARACTERS: Final = 200


class Origin(NamedTuple):
    """The scheme and host of a web page's origin; the host always has a port."""

    scheme: str
    host: Host

    @classmethod
    def parse(cls, text: str) -> "Origin | None":
        """The origin in a text such as `https://player.example`.

        None for `null`, for schemes other than http and https, and for a malformed text.
        """
        scheme, _, host_text = text.partition("://")
        scheme = scheme.lower()
        host = hosts.parse(host_text) if scheme in _PORTS else None
        return None if host is None else cls(scheme, _with_port(host, scheme))


class Origins:
    """Checks whether the page that sent a request may write."""

    def __init__(self, allowed: str, links: Links) -> None:
        """`allowed` is a comma list of origins, or `*` for all. StartupError for a malformed origin."""
        self._links = links
        items = [item for part in allowed.split(",") if (item := part.strip().rstrip("/"))]
        self._any = "*" in items
        self._texts = frozenset(items)
        self._allowed = frozenset(filter(None, map(Origin.parse, items)))
        for item in items:
            if item not in ("*", "null") and not _is_origin(item):
                raise StartupError(
                    f"{SETTING}: {item!r} is not an origin; write it as https://player.example"
                )

    def check(self, request: Request) -> None:
        """ForeignOrigin if the request comes from a page that may not write."""
        if not self.may_write(request):
            origin = request.headers.get("origin") or "another site"
            raise ForeignOrigin(
                f"web pages of {origin[:_SHOWN_CHARACTERS]!r} may read but not write;"
                f" {SETTING} lists the origins that may write"
            )

    def may_write(self, request: Request) -> bool:
        """True if the request comes from a program, or from a page that may write.

        A page may write if its origin is loopback, the API itself, or listed in the setting.
        """
        origins = request.headers.get_all("origin")
        if self._any or (not origins and request.headers.get("sec-fetch-site") != "cross-site"):
            return True
        return len(origins) == 1 and (
            origins[0] in self._texts or self._is_trusted(Origin.parse(origins[0]), request)
        )

    def _is_trusted(self, origin: Origin | None, request: Request) -> bool:
        if origin is None:
            return False
        return origin.host.is_loopback or origin in self._allowed or self._is_own(origin, request)

    def _is_own(self, origin: Origin, request: Request) -> bool:
        """True if the page was served from the address of this API.

        An attacker can make any plain name resolve to this server (DNS rebinding), but has no certificate for
        a name of another owner and cannot serve a page from the address of this server.
        """
        scheme, _, rest = self._links.base(request).partition("://")
        own = hosts.parse(rest.partition("/")[0])
        if own is None:
            return False
        if self._links.has_public_url and Origin(scheme, _with_port(own, scheme)) == origin:
            return True
        is_proven = origin.scheme == "https" or origin.host.address is not None
        return is_proven and _with_port(own, origin.scheme) == origin.host


def _is_origin(text: str) -> bool:
    """True if a browser can send this origin; schemes other than http and https are not checked further."""
    scheme, separator, _ = text.partition("://")
    return Origin.parse(text) is not None if scheme.lower() in _PORTS else bool(separator)


def _with_port(host: Host, scheme: str) -> Host:
    return host if host.port is not None else Host(host.name, _PORTS[scheme])
