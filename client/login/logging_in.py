"""Logs a profile in and out at its OIDC server, and renews its token."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import time

from client.api import LoginFailed
from client.login.folder import ConfigFolder
from client.login.oidc import device
from client.login.oidc.device import Device
from client.login.oidc.exchange import Refused
from client.login.oidc.issuer import Client, Issuer, open_issuer
from client.login.oidc.tokens import Token
from client.login.profiles import Profile
from client.login.secret_files import read_secret
from client.login.token_file import StoredToken, TokenFile

Show = Callable[[Device], None]


async def log_in(folder: ConfigFolder, name: str, profile: Profile, show: Show) -> StoredToken:
    """Get a token for a profile and keep it. LoginFailed.

    `show` is called with the codes that a person needs, if one logs in.
    """
    async with _opened(profile) as issuer:
        if profile.device:
            codes = await device.begin(issuer)
            show(codes)
            token = await device.wait(issuer, codes)
        else:
            token = await issuer.client_credentials()
    stored = StoredToken.of(token, time())
    file = TokenFile(folder, name)
    async with folder.locked(file.name):
        file.write(stored)
    return stored


async def log_out(folder: ConfigFolder, name: str, profile: Profile) -> bool:
    """Remove the token of a profile, and revoke it where its server can do that.

    False if there was none. LoginFailed if the server could not revoke it; it is removed all the same.
    """
    file = TokenFile(folder, name)
    async with folder.locked(file.name):
        try:
            token = file.read()
        except LoginFailed:
            # A damaged file is removed too.
            token = None
        existed = file.remove()
    if token is None:
        return existed
    try:
        await _revoke(profile, token)
    except LoginFailed as error:
        raise LoginFailed(f"the token is removed here, but not revoked: {error}") from None
    return True


async def _revoke(profile: Profile, token: StoredToken) -> None:
    async with _opened(profile) as issuer:
        if token.refresh_token:
            await issuer.revoke(token.refresh_token, "refresh_token")
        await issuer.revoke(token.access_token, "access_token")


async def renew(name: str, profile: Profile, refresh_token: str) -> Token:
    """A new token for a profile whose token expires. LoginFailed if its login has ended."""
    async with _opened(profile) as issuer:
        if refresh_token:
            try:
                return await issuer.refresh(refresh_token)
            except Refused as error:
                # A client can log in again by itself, a person cannot.
                if profile.device:
                    raise ended(name, str(error)) from None
        if profile.device:
            raise ended(name, "the server gave no refresh token")
        return await issuer.client_credentials()


def ended(name: str, reason: str) -> LoginFailed:
    """The error for a login that has to be done again."""
    return LoginFailed(f"profile {name} is not logged in ({reason}); run tams login --profile {name}")


@asynccontextmanager
async def _opened(profile: Profile) -> AsyncIterator[Issuer]:
    try:
        file = profile.client_secret_file
        secret = read_secret(file, "the client secret") if file else ""
    except ValueError as error:
        raise LoginFailed(str(error)) from None
    client = Client(profile.client_id, secret, profile.audience, profile.scope)
    async with open_issuer(profile.issuer, client, profile.ca_file) as issuer:
        yield issuer
