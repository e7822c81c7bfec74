"""An OIDC server and one client of it: its endpoints, and the grants of OAuth 2.0."""

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar
from urllib.parse import quote_plus

import msgspec

from client.api import LoginFailed, Target
from client.api.connection import open_http
from client.login.oidc import tokens
from client.login.oidc.exchange import Exchange, check_url, decoded, host_of
from client.login.oidc.tokens import Token

T = TypeVar("T")

DISCOVERY: Final = "/.well-known/openid-configuration"


class Endpoints(msgspec.Struct, frozen=True):
    """The parts of a discovery document that a client needs (OpenID Connect Discovery 1.0, RFC 8414)."""

    issuer: str
    token_endpoint: str
    device_authorization_endpoint: str | None = None
    revocation_endpoint: str | None = None
    # Without it, the method is client_secret_basic.
    token_endpoint_auth_methods_supported: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Client:
    """A client that the server knows. Without a secret it is public, such as a command of a person."""

    client_id: str
    secret: str = field(default="", repr=False)
    audience: str = ""
    scope: str = ""


class Issuer:
    """Sends the requests of one client; `open_issuer` makes one."""

    def __init__(self, exchange: Exchange, endpoints: Endpoints, client: Client) -> None:
        self.endpoints = endpoints
        self._exchange = exchange
        self._client = client

    async def client_credentials(self) -> Token:
        """A token for the client itself (RFC 6749, section 4.4). LoginFailed."""
        return await self.token({"grant_type": "client_credentials", **self.wanted()})

    async def refresh(self, refresh_token: str) -> Token:
        """A new token for an old one (RFC 6749, section 6). LoginFailed."""
        token = await self.token({"grant_type": "refresh_token", "refresh_token": refresh_token})
        # The server need not send a new refresh token; the old one is valid then.
        return msgspec.structs.replace(token, refresh_token=token.refresh_token or refresh_token)

    async def revoke(self, token: str, kind: str) -> None:
        """Revoke a token (RFC 7009), if the server has an endpoint for that. LoginFailed."""
        if self.endpoints.revocation_endpoint:
            form = {"token": token, "token_type_hint": kind}
            await self._send(self.endpoints.revocation_endpoint, form)

    async def token(self, form: Mapping[str, str]) -> Token:
        """The answer of the token endpoint. Refused for an error of OAuth 2.0, NoAnswer, LoginFailed."""
        return tokens.check(await self.post(self.endpoints.token_endpoint, form, Token))

    async def post(self, url: str, form: Mapping[str, str], value_type: type[T]) -> T:
        """The answer to a form, with the client's authentication. LoginFailed."""
        return decoded(url, await self._send(url, form), value_type)

    async def _send(self, url: str, form: Mapping[str, str]) -> bytes:
        self._exchange.secrets += (form[name] for name in _SECRETS if form.get(name))
        return await self._exchange.post(url, {**form, **self._identity()}, self._headers())

    def wanted(self) -> dict[str, str]:
        """The audience and scope to ask for, where the client has them."""
        wanted = {"audience": self._client.audience, "scope": self._client.scope}
        return {name: value for name, value in wanted.items() if value}

    @property
    def _sends_basic(self) -> bool:
        methods = self.endpoints.token_endpoint_auth_methods_supported or ()
        return "client_secret_basic" in methods or "client_secret_post" not in methods

    def _identity(self) -> dict[str, str]:
        if not self._client.secret:
            return {"client_id": self._client.client_id}
        if self._sends_basic:
            return {}
        return {"client_id": self._client.client_id, "client_secret": self._client.secret}

    def _headers(self) -> dict[str, str]:
        if not self._client.secret or not self._sends_basic:
            return {}
        # Both parts are coded as in a form (RFC 6749, section 2.3.1).
        pair = f"{quote_plus(self._client.client_id)}:{quote_plus(self._client.secret)}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode('ascii')}"}


_SECRETS: Final = ("refresh_token", "device_code", "token")


@asynccontextmanager
async def open_issuer(issuer: str, client: Client, ca_file: str = "") -> AsyncIterator[Issuer]:
    """The server with this address, found by discovery. LoginFailed."""
    check_url(issuer)
    try:
        target = Target(issuer, ca_file=ca_file)
    except ValueError as error:
        raise LoginFailed(str(error)) from None
    async with open_http(target) as http:
        exchange = Exchange(http)
        exchange.secrets += [client.secret] if client.secret else []
        endpoints = await exchange.get(target.url + DISCOVERY, Endpoints)
        if endpoints.issuer.rstrip("/") != target.url:
            raise LoginFailed(f"{host_of(issuer)} describes another issuer: {endpoints.issuer!r:.200}")
        yield Issuer(exchange, endpoints, client)
