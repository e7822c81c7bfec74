import asyncio
import time

import pytest

from client.api import LoginFailed, TamsClient, Target
from client.login import ConfigFolder, LoginCredentials, Profile
from client.login.token_file import StoredToken, TokenFile
from tests.support.http.scripted_server import scripted_server
from tests.support.login.oidc_server import OidcServer

SERVICE = b'{"type": "urn:x-tams:service:t", "api_version": "7.0"}'


def stored(refresh_token: str = "", *, expired: bool = True) -> StoredToken:
    """A token that is due, and may be valid for a minute yet."""
    expires_at = time.time() + (-1 if expired else 60)
    return StoredToken(access_token="old", refresh_token=refresh_token, expires_at=expires_at, renew_at=1.0)


async def test_a_valid_token_is_sent_as_it_is(folder: ConfigFolder, robot: Profile, oidc: OidcServer) -> None:
    TokenFile(folder, "p").write(
        StoredToken(access_token="t", expires_at=time.time() + 600, renew_at=time.time() + 500)
    )
    assert await LoginCredentials(folder, "p", robot).authorization() == "Bearer t"
    assert oidc.requests == []


async def test_an_expired_token_of_a_client_is_replaced_by_its_secret(
    folder: ConfigFolder, robot: Profile, oidc: OidcServer
) -> None:
    file = TokenFile(folder, "p")
    file.write(stored())
    header = await LoginCredentials(folder, "p", robot).authorization()
    kept = file.read()
    assert kept is not None
    assert header == f"Bearer {kept.access_token}" != "Bearer old"
    assert oidc.grants() == ["client_credentials"]


async def test_an_expired_token_of_a_person_is_refreshed_again_and_again(
    folder: ConfigFolder, person: Profile, oidc: OidcServer
) -> None:
    oidc.refresh_tokens.add("first")
    TokenFile(folder, "p").write(stored("first"))
    oidc.lifetime = 0
    credentials = LoginCredentials(folder, "p", person)
    headers = {await credentials.authorization() for _ in range(3)}
    assert len(headers) == 3
    assert oidc.grants() == ["refresh_token"] * 3


async def test_a_client_whose_refresh_token_is_refused_logs_in_by_its_secret(
    folder: ConfigFolder, robot: Profile, oidc: OidcServer
) -> None:
    TokenFile(folder, "p").write(stored("revoked"))
    await LoginCredentials(folder, "p", robot).authorization()
    assert oidc.grants() == ["refresh_token", "client_credentials"]


@pytest.mark.parametrize("refresh_token", ["", "revoked"])
async def test_a_login_that_cannot_be_renewed_is_an_error_with_a_next_step(
    folder: ConfigFolder, person: Profile, refresh_token: str
) -> None:
    TokenFile(folder, "p").write(stored(refresh_token))
    with pytest.raises(LoginFailed, match=r"profile p is not logged in \(.*\); run tams login --profile p"):
        await LoginCredentials(folder, "p", person).authorization()


async def test_a_logged_out_profile_has_no_credentials(folder: ConfigFolder, robot: Profile) -> None:
    with pytest.raises(LoginFailed, match="it has no token"):
        await LoginCredentials(folder, "p", robot).authorization()


async def test_many_requests_at_once_renew_a_token_once(
    folder: ConfigFolder, person: Profile, oidc: OidcServer
) -> None:
    oidc.refresh_tokens.add("first")
    TokenFile(folder, "p").write(stored("first"))
    # Two credentials stand for two processes: they share nothing but the folder.
    both = [LoginCredentials(folder, "p", person) for _ in range(2)]
    headers = await asyncio.gather(*(credentials.authorization() for credentials in both * 5))
    assert len(set(headers)) == 1
    assert oidc.grants() == ["refresh_token"]


async def test_a_token_is_used_until_it_expires_while_the_server_is_down(
    folder: ConfigFolder, person: Profile, oidc: OidcServer
) -> None:
    file = TokenFile(folder, "p")
    file.write(stored("first", expired=False))
    oidc.status = 503
    credentials = LoginCredentials(folder, "p", person)
    assert [await credentials.authorization() for _ in range(2)] == ["Bearer old"] * 2
    file.write(stored("first"))
    with pytest.raises(LoginFailed, match="answers with status 503"):
        await LoginCredentials(folder, "p", person).authorization()


async def test_requests_of_a_client_are_renewed_on_the_way_and_object_storage_gets_none(
    folder: ConfigFolder, robot: Profile, oidc: OidcServer
) -> None:
    TokenFile(folder, "p").write(stored())
    with scripted_server() as store, scripted_server() as storage:
        for server in (store, store, storage):
            server.then(body=SERVICE)
        target = Target(store.url, LoginCredentials(folder, "p", robot))
        async with TamsClient(target) as tams:
            await tams.service()
            await tams.service()
            await tams.download(f"{storage.url}/object")
    headers = [request.headers["Authorization"] for request in store.requests]
    assert headers[0] == headers[1] != "Bearer old"
    assert "Authorization" not in storage.requests[0].headers
    assert oidc.grants() == ["client_credentials"]


def test_repr_has_no_secret(folder: ConfigFolder, robot: Profile) -> None:
    assert repr(LoginCredentials(folder, "p", robot)) == "LoginCredentials('p')"


async def test_a_logout_ends_a_renewal_that_waits(
    folder: ConfigFolder, person: Profile, oidc: OidcServer
) -> None:
    oidc.refresh_tokens.add("first")
    file = TokenFile(folder, "p")
    file.write(stored("first"))
    async with folder.locked(file.name):
        waiting = asyncio.ensure_future(LoginCredentials(folder, "p", person).authorization())
        await asyncio.sleep(0)
        file.remove()
    with pytest.raises(LoginFailed, match="it has no token"):
        await waiting
    assert (file.read(), oidc.requests) == (None, [])
