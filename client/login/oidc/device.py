"""The device authorization grant (RFC 8628): a person allows the login in a browser, on any device."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final

import httpx
import msgspec

from client.api import LoginFailed
from client.login.oidc.exchange import NoAnswer, Refused
from client.login.oidc.issuer import Issuer
from client.login.oidc.tokens import Token

_GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:device_code"
# Seconds.
_MAX_WAIT: Final = 1800.0
_MAX_PAUSE: Final = 60.0
_MIN_PAUSE: Final = 0.1
_SLOWER: Final = 5.0

Sleep = Callable[[float], Awaitable[None]]


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """The codes of one login. `interval` and `expires_in` are in seconds."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None = None
    expires_in: float = 600.0
    interval: float = 5.0

    def __repr__(self) -> str:
        return f"Device(user_code={self.user_code!r}, verification_uri={self.verification_uri!r})"


async def begin(issuer: Issuer) -> Device:
    """Ask the server for codes. LoginFailed if it has no such logins."""
    url = issuer.endpoints.device_authorization_endpoint
    if not url:
        raise LoginFailed(
            "the server has no device authorization; log in as a client with --client-secret-file"
        )
    device = await issuer.post(url, issuer.wanted(), Device)
    pages = [device.verification_uri, device.verification_uri_complete or device.verification_uri]
    if not all(map(_is_page, pages)):
        raise LoginFailed("the server names a page for the login that is not an http URL")
    return device


async def wait(
    issuer: Issuer, device: Device, sleep: Sleep = asyncio.sleep, clock: Callable[[], float] = monotonic
) -> Token:
    """The token, once the person has allowed the login. LoginFailed if it is denied or takes too long."""
    pause = min(max(device.interval, _MIN_PAUSE), _MAX_PAUSE)
    end = clock() + min(device.expires_in, _MAX_WAIT)
    form = {"grant_type": _GRANT_TYPE, "device_code": device.device_code}
    while clock() < end:
        await sleep(pause)
        try:
            return await issuer.token(form)
        except NoAnswer:
            pause = min(pause * 2, _MAX_PAUSE)
        except Refused as error:
            if error.code == "slow_down":
                pause += _SLOWER
            elif error.code != "authorization_pending":
                raise _ended(error) from None
    raise LoginFailed("nobody allowed the login in time; run the command again")


def _ended(error: Refused) -> LoginFailed:
    reasons = {"access_denied": "the login was denied", "expired_token": "nobody allowed the login in time"}
    reason = reasons.get(error.code)
    return LoginFailed(f"{reason}; run the command again") if reason else error


def _is_page(uri: str) -> bool:
    try:
        parts = httpx.URL(uri)
    except httpx.InvalidURL:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.host) and uri.isprintable()
