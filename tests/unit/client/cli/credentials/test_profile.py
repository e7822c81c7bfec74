import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from client.login import ConfigFolder, Profile, Profiles
from client.login.token_file import StoredToken, TokenFile
from tests.support.login.oidc_server import PERSON, ROBOT, OidcServer
from tests.unit.client.cli.conftest import Result

Tams = Callable[..., Result]
URL = "https://tams.example"


@pytest.fixture
def profiles(oidc: OidcServer, folder: ConfigFolder, tmp_path: Path) -> Profiles:
    """A current profile for each state of a login."""
    person = Profile(url=URL, issuer=oidc.issuer, client_id=PERSON, device=True)
    robot = Profile(url=URL, issuer=oidc.issuer, client_id=ROBOT, client_secret_file="/secret")
    made = {
        "in": person,
        "out": person,
        "expired": person,
        "damaged": person,
        "robot": robot,
        "key": Profile(url=URL, api_key_file="/key"),
        "user": Profile(url=URL, user="ann"),
    }
    for name, expires_at in (("in", time.time() + 600), ("expired", 1.0), ("robot", 1.0)):
        TokenFile(folder, name).write(StoredToken(access_token="s3cret", expires_at=expires_at))
    folder.write(TokenFile(folder, "damaged").name, "damaged")
    known = Profiles(current="in", profiles=made)
    folder.write("profiles.json", known)
    return known


def test_a_list_shows_stores_and_logins_without_tokens(tams: Tams, profiles: Profiles) -> None:
    result = tams("profile", "list")
    assert result.code == 0
    assert [re.split(r"\s{2,}", line) for line in result.out.splitlines()[1:]] == [
        ["in", URL, "logged in", "*"],
        ["out", URL, "logged out"],
        ["expired", URL, "expired"],
        ["damaged", URL, "damaged; log in again"],
        ["robot", URL, "renewed at the next use"],
        ["key", URL, "API key"],
        ["user", URL, "user ann"],
    ]
    listed = tams("profile", "list", "--json")
    assert [entry["name"] for entry in listed.json if entry["current"]] == ["in"]
    assert "s3cret" not in result.out + listed.out


def test_an_empty_list_is_empty(tams: Tams) -> None:
    assert (tams("profile", "list").out, tams("profile", "list", "--json").json) == ("", [])


def test_another_profile_is_used(tams: Tams, profiles: Profiles, folder: ConfigFolder) -> None:
    assert tams("profile", "use", "key").code == 0
    assert Profiles.load(folder).current == "key"
    assert "there is no profile 'x'" in tams("profile", "use", "x").err


def test_a_removed_profile_is_logged_out(
    tams: Tams, profiles: Profiles, folder: ConfigFolder, oidc: OidcServer
) -> None:
    assert tams("profile", "remove", "in").code == 0
    assert "in" not in Profiles.load(folder).profiles
    assert (TokenFile(folder, "in").read(), oidc.revoked) == (None, ["s3cret"])
    assert tams("profile", "remove", "key").code == 0
    # The secret of this client is missing, so its token cannot be revoked.
    assert "not revoked" in tams("profile", "remove", "robot").err
    assert sorted(Profiles.load(folder).profiles) == ["damaged", "expired", "out", "user"]
