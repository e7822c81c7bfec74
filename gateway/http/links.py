"""Absolute URLs of this API as the client knows it."""

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

from gateway.http.query import Query
from gateway.http.requests import Request

# Credentials and the page being left do not belong in a link to the next page.
_DROPPED: Final = frozenset({"page", "access_token"})
_HOST: Final = re.compile(r"[A-Za-z0-9._~\-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~\-]+)*/?")


class Links:
    """Builds URLs that start with exactly the base URL the client typed."""

    def __init__(self, public_url: str, *, trust_forwarded: bool, fallback_host: str) -> None:
        self._public_url = public_url.rstrip("/")
        self._trust_forwarded = trust_forwarded
        self._fallback_host = fallback_host

    def base(self, request: Request) -> str:
        """The API's base URL, no slash at the end."""
        if self._public_url:
            return self._public_url
        said = _forwarded(request.headers.get) if self._trust_forwarded else {}
        own_host = request.scope.authority or request.headers.get("host") or ""
        host = _first_valid(_HOST, said.get("host", ""), own_host) or self._fallback_host
        scheme = said.get("proto", "") if said.get("proto") in ("http", "https") else request.scope.scheme
        prefix = _first_valid(_PREFIX, said.get("prefix", ""))
        return f"{scheme}://{host}{prefix.rstrip('/')}"

    def next_page(self, request: Request, query: Query, token: str) -> str:
        """The request's own URL with the key of the next page.

        Every reserved character is percent-encoded: clients split Link headers on commas and semicolons.
        """
        kept = [(name, value) for name, value in query.pairs if name not in _DROPPED]
        pairs = "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in (*kept, ("page", token)))
        return f"{self.base(request)}{request.route.path(request.params)}?{pairs}"


def _first_valid(pattern: re.Pattern[str], *candidates: str) -> str:
    return next((text for text in candidates if text and pattern.fullmatch(text)), "")


def _forwarded(header: Callable[[str], str | None]) -> Mapping[str, str]:
    """Host, proto and prefix as the nearest client-facing proxy wrote them (RFC 7239 and its forerunners)."""
    said = {
        name: (header(f"x-forwarded-{name}") or "").partition(",")[0].strip()
        for name in ("host", "proto", "prefix")
    }
    for pair in (header("forwarded") or "").partition(",")[0].split(";"):
        name, _, value = pair.strip().partition("=")
        if name.lower() in ("host", "proto"):
            said[name.lower()] = value.strip('"')
    return said
