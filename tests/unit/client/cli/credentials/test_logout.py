from collections.abc import Callable

import pytest

from client.login import ConfigFolder, Profile, Profiles
from client.login.token_file import StoredToken, TokenFile
from tests.support.login.oidc_server import PERSON, OidcServer
from tests.unit.client.cli.conftest import Result

Tams = Callable[..., Result]


@pytest.fixture
def logged_in(oidc: OidcServer, folder: ConfigFolder) -> TokenFile:
    """The token of the current profile `mine`."""
    profile = Profile(url="http://127.0.0.1:1", issuer=oidc.issuer, client_id=PERSON, device=True)
    folder.write("profiles.json", Profiles(current="mine", profiles={"mine": profile}))
    file = TokenFile(folder, "mine")
    file.write(StoredToken(access_token="s3cret", refresh_token="r3fresh"))
    return file


def test_a_logout_removes_the_token_and_keeps_the_profile(
    tams: Tams, monkeypatch: pytest.MonkeyPatch, folder: ConfigFolder, logged_in: TokenFile, oidc: OidcServer
) -> None:
    monkeypatch.delenv("TAMS_URL")
    assert (tams("logout").err, logged_in.read()) == ("profile mine is logged out\n", None)
    assert oidc.revoked == ["r3fresh", "s3cret"]
    assert tams("logout", "--profile", "mine").err == "profile mine was already logged out\n"
    assert "mine" in Profiles.load(folder).profiles
    result = tams("sources")
    assert (result.code, result.err) == (
        1,
        "tams: profile mine is not logged in (it has no token); run tams login --profile mine\n",
    )


def test_a_logout_while_the_server_is_down_removes_the_token(
    tams: Tams, logged_in: TokenFile, oidc: OidcServer
) -> None:
    oidc.status = 500
    result = tams("logout")
    assert (result.code, logged_in.read()) == (1, None)
    assert "the token is removed here, but not revoked" in result.err
    assert "s3cret" not in result.err


def test_a_logout_without_a_profile_is_an_error(tams: Tams) -> None:
    assert "there is no current profile; give --profile" in tams("logout").err
    assert "there is no profile 'x'" in tams("logout", "--profile", "x").err
