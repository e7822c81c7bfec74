"""Requests to an OIDC server: encrypted, bounded in time and size, without redirects."""

import asyncio
import ipaddress
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from client.api import LoginFailed

T = TypeVar("T")

MAX_BYTES: Final = 256 * 1024
_SECONDS: Final = 20.0
_TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
_SHOWN_CHARACTERS: Final = 200


class Refused(LoginFailed):
    """The server answers with an error; `code` is its name in OAuth 2.0, such as invalid_grant."""

    def __init__(self, code: str, summary: str) -> None:
        super().__init__(summary)
        self.code = code


class NoAnswer(LoginFailed):
    """The server does not answer, or fails. A later request may succeed."""


class _ErrorBody(msgspec.Struct):
    error: str | None = None
    error_description: str | None = None


class Exchange:
    """Sends requests of one client to one server. `secrets` never appear in errors."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.secrets: list[str] = []

    async def get(self, url: str, value_type: type[T]) -> T:
        """The JSON document at a URL. LoginFailed."""
        return decoded(url, await self._ask("GET", url), value_type)

    async def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> bytes:
        """The answer to a form. Refused for an error of OAuth 2.0, NoAnswer, LoginFailed."""
        return await self._ask("POST", url, form, headers)

    async def _ask(
        self,
        method: str,
        url: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        check_url(url)
        accepting = {"Accept": "application/json", **(headers or {})}
        request = self._http.build_request(method, url, data=form, headers=accepting, timeout=_TIMEOUT)
        try:
            async with asyncio.timeout(_SECONDS):
                response = await self._http.send(request, stream=True, follow_redirects=False)
                try:
                    body = await _read(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise NoAnswer(f"{host_of(url)} does not answer in time") from None
        except httpx.RequestError as error:
            reason = str(error).strip() or type(error).__name__
            raise NoAnswer(f"cannot reach {host_of(url)}: {reason}") from None
        self._check(url, response.status_code, body)
        return body

    def _check(self, url: str, status: int, body: bytes) -> None:
        if len(body) > MAX_BYTES:
            raise LoginFailed(f"the answer of {host_of(url)} has more than {MAX_BYTES} bytes")
        if status == HTTPStatus.OK:
            return
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise LoginFailed(f"{host_of(url)} redirects to another address; redirects are not followed")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
            raise NoAnswer(f"{host_of(url)} answers with status {status}")
        try:
            error = msgspec.json.decode(body, type=_ErrorBody)
        except (msgspec.DecodeError, UnicodeDecodeError):
            error = _ErrorBody()
        code = self._shown(error.error or "")
        text = ": ".join(
            filter(None, (code or f"status {status}", self._shown(error.error_description or "")))
        )
        raise Refused(code, f"{host_of(url)} refuses: {text}")

    def _shown(self, text: str) -> str:
        """A text of the server as one short line, without secrets that it repeats."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_SHOWN_CHARACTERS]


def decoded(url: str, body: bytes, value_type: type[T]) -> T:
    """The value in an answer of the server at a URL. LoginFailed if it is malformed."""
    try:
        return msgspec.json.decode(body, type=value_type, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LoginFailed(f"the answer of {host_of(url)} is malformed: {error}") from None


def check_url(url: str) -> None:
    """LoginFailed unless the URL is https, or http on this machine."""
    if not is_protected(url):
        raise LoginFailed(f"{url[:_SHOWN_CHARACTERS]!r} is not an https URL; logins need one")


def is_protected(url: str) -> bool:
    """True if nobody on the network can read a request to the URL: it is https, or http on this machine."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    if not parts.host:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_local(parts.host))


def host_of(url: str) -> str:
    """Scheme and host of a URL, for errors."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


async def _read(response: httpx.Response) -> bytes:
    """The body, or its beginning if it is too long."""
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BYTES:
            break
    return body
