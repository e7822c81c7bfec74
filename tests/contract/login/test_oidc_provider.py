"""Logins at an OIDC server of another maker."""

import importlib
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from client.api import LoginFailed
from client.login import ConfigFolder, LoginCredentials, Profile, log_in
from client.login.token_file import StoredToken, TokenFile

# The libraries of the server use parts of each other that are deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
CLIENT = "tams-cli"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with warnings.catch_warnings():
        # This module sets a filter.
        importlib.import_module("authlib.deprecate")
        warnings.simplefilter("ignore")
        provider = importlib.import_module("oidc_provider_mock")
    with provider.run_server_in_thread() as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def profile(issuer: str, tmp_path: Path) -> Profile:
    secret = tmp_path / "secret"
    secret.write_text("any")
    return Profile(url="u", issuer=issuer, client_id=CLIENT, client_secret_file=str(secret), device=True)


def refresh_token(issuer: str) -> str:
    """A refresh token, as a person gets it in a browser."""
    page = f"{issuer}/oauth2/authorize"
    query = {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": "http://localhost/",
        "scope": "openid",
    }
    allowed = httpx.post(page, params=query, data={"sub": "ann"})
    [code] = parse_qs(urlsplit(allowed.headers["Location"]).query)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "http://localhost/"}
    answer = httpx.post(f"{issuer}/oauth2/token", data=form, auth=(CLIENT, "any"))
    return str(answer.json()["refresh_token"])


async def test_an_expired_token_is_refreshed(issuer: str, profile: Profile, tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path / "config")
    expired = StoredToken(
        access_token="old", refresh_token=refresh_token(issuer), expires_at=1.0, renew_at=1.0
    )
    TokenFile(folder, "p").write(expired)
    header = await LoginCredentials(folder, "p", profile).authorization()
    kept = TokenFile(folder, "p").read()
    assert kept is not None
    assert header == f"Bearer {kept.access_token}"
    assert kept.expires_at > time.time()
    async with httpx.AsyncClient() as http:
        user = await http.get(f"{issuer}/userinfo", headers={"Authorization": header})
    assert user.json()["sub"] == "ann"


async def test_grants_that_the_server_does_not_have_are_errors(profile: Profile, tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path / "config")
    with pytest.raises(LoginFailed, match="the server has no device authorization"):
        await log_in(folder, "p", profile, print)
    robot = Profile(
        url="u", issuer=profile.issuer, client_id=CLIENT, client_secret_file=profile.client_secret_file
    )
    with pytest.raises(LoginFailed, match="refuses: unsupported_grant_type"):
        await log_in(folder, "p", robot, print)
