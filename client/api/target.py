"""A store to talk to: its address, and what it takes to be let in."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import httpx

from client.api.credentials import Credentials


@dataclass(frozen=True)
class Target:
    """The address of a store's API, the caller's credentials, and a file of certificate authorities.

    `url` has no slash at its end. ValueError if it is not an http or https URL, or has a user in it, or the
    file cannot be used.
    Without a file, the authorities of the system are trusted; with one, these and those of the file.
    """

    url: str
    credentials: Credentials | None = None
    ca_file: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", self.url.rstrip("/"))
        if not _is_http(self.url):
            raise ValueError(f"not an http or https URL: {self.url!r}")
        if httpx.URL(self.url).userinfo:
            # The URL is shown in errors and lists.
            raise ValueError("the URL has a user or a password in it; they are given apart from it")
        if self.ca_file:
            self.ssl_context()

    async def headers_for(self, url: str) -> Mapping[str, str]:
        """The headers of a request to a URL. Other origins than the store's get no credentials.

        LoginFailed if the credentials have ended and cannot be renewed.
        """
        if self.credentials is None or _origin(url) != _origin(self.url):
            return {}
        return {"Authorization": await self.credentials.authorization()}

    def ssl_context(self) -> ssl.SSLContext:
        """The context for https. Targets without a file share one."""
        if not self.ca_file:
            return _usual_context()
        context = httpx.create_ssl_context()
        try:
            context.load_verify_locations(cafile=self.ca_file)
        except OSError as error:  # ssl.SSLError is one
            reason = error.strerror if not isinstance(error, ssl.SSLError) else "no certificate in it"
            raise ValueError(f"cannot use the authorities of {self.ca_file}: {reason}") from None
        return context


@cache
def _usual_context() -> ssl.SSLContext:
    """Trusts the authorities of the system. Loading them takes longer than a request."""
    return httpx.create_ssl_context()


def _origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port (RFC 6454)."""
    parts = httpx.URL(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.host, parts.port or default


def _is_http(url: str) -> bool:
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.host)
