"""Absolute URLs of this API as the client sees it."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from gateway.errors import QueryTooLong
from gateway.http.forwarded import Entry, Forwarded
from gateway.http.long_filters import shorten
from gateway.http.query import Query
from gateway.http.requests import Request

# The longest link. Many proxies accept 4 KiB of response headers, and the others take up to 1,000 bytes.
MAX_CHARACTERS: Final = 2900
# The length of the longest page key.
_KEY_CHARACTERS: Final = 64
# A link to the next page has neither credentials nor the key of the current page.
_DROPPED: Final = frozenset({"page", "access_token"})


class Links:
    """Builds URLs that start with the base URL that the client used.

    The base is `public_url` if it is set, else what the trusted proxies report, else the request's Host,
    else `fallback_host`.
    """

    def __init__(self, public_url: str, *, fallback_host: str, forwarded: Forwarded | None = None) -> None:
        self._public_url = public_url.rstrip("/")
        self._fallback_host = fallback_host
        self._forwarded = forwarded

    @property
    def has_public_url(self) -> bool:
        """True if the operator set the base URL, so that requests do not influence it."""
        return bool(self._public_url)

    def base(self, request: Request) -> str:
        """The base URL of the API, without a slash at the end."""
        if self._public_url:
            return self._public_url
        forwarded = self._forwarded.entry(request.headers) if self._forwarded else Entry()
        # Only an HTTP/1.0 request can lack the Host header.
        host = forwarded.host or request.headers.get("host") or self._fallback_host
        scheme = forwarded.proto or request.scope.scheme
        return f"{scheme}://{host}{forwarded.prefix.rstrip('/')}"

    def next_page(self, request: Request, query: Query, token: str) -> str:
        """The URL of the request with `token` as the key of the page.

        Reserved characters are percent-encoded, because clients split Link headers at commas and semicolons.
        QueryTooLong if the link is too long even with digests in place of long filters.
        """
        kept = [(name, value) for name, value in query.pairs if name not in _DROPPED]
        path = f"{self.base(request)}{request.route.path(request.params)}"
        # Counted with a key of full length, so that a later page is not refused after the first was served.
        max_characters = MAX_CHARACTERS - len(path) - max(0, _KEY_CHARACTERS - len(token))
        text = _encode([*kept, ("page", token)])
        if len(text) > max_characters:
            text = _encode([*shorten(kept, query.long), ("page", token)])
            if len(text) > max_characters:
                raise QueryTooLong(
                    "the link to the next page would be too long; give fewer or shorter filters"
                )
        return f"{path}?{text}"


def _encode(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
