import json
from pathlib import Path

import pytest

from client.api import LoginFailed
from client.local.storage.certificate import new_pem
from client.login.oidc.exchange import MAX_BYTES, NoAnswer, Refused, check_url
from client.login.oidc.issuer import Client, open_issuer
from tests.support.http.scripted_server import scripted_server
from tests.support.login.oidc_server import PERSON, ROBOT, ROBOT_SECRET, OidcServer, oidc_server

CLIENT = Client(ROBOT, ROBOT_SECRET)


@pytest.mark.parametrize(
    "methods", [["client_secret_basic"], ["client_secret_post"], ["private_key_jwt", "client_secret_basic"]]
)
async def test_a_client_authenticates_in_a_way_that_the_server_takes(
    oidc: OidcServer, methods: list[str]
) -> None:
    oidc.methods = methods
    async with open_issuer(oidc.issuer, CLIENT) as issuer:
        token = await issuer.client_credentials()
    assert token.access_token.count(".") == 2
    assert "ey" not in repr(token)
    assert ("client_secret" in oidc.requests[0][1]) is (methods == ["client_secret_post"])


async def test_audience_and_scope_are_sent_where_they_are_set(oidc: OidcServer) -> None:
    async with open_issuer(oidc.issuer, CLIENT) as issuer:
        await issuer.client_credentials()
    async with open_issuer(oidc.issuer, Client(ROBOT, ROBOT_SECRET, "tams", "a b")) as issuer:
        await issuer.client_credentials()
    plain, full = (form for _, form in oidc.requests)
    assert plain == {"grant_type": "client_credentials"}
    assert full == {**plain, "audience": "tams", "scope": "a b"}


async def test_a_refresh_token_is_kept_if_the_server_sends_no_new_one(oidc: OidcServer) -> None:
    oidc.refresh_tokens.add("first")
    oidc.gives_refresh_tokens = False
    async with open_issuer(oidc.issuer, Client(PERSON)) as issuer:
        assert (await issuer.refresh("first")).refresh_token == "first"


async def test_a_document_of_another_issuer_is_refused(oidc: OidcServer) -> None:
    with scripted_server() as other:
        other.then(body=b'{"issuer": "https://id.example", "token_endpoint": "https://id.example/t"}')
        with pytest.raises(LoginFailed, match=r"describes another issuer: 'https://id.example'"):
            async with open_issuer(other.url, CLIENT):
                pass


async def test_a_secret_is_not_sent_over_plain_http() -> None:
    with scripted_server() as server:
        server.then(
            body=f'{{"issuer": "{server.url}", "token_endpoint": "http://id.example/token"}}'.encode()
        )
        async with open_issuer(server.url, CLIENT) as issuer:
            with pytest.raises(LoginFailed, match=r"'http://id.example/token' is not an https URL"):
                await issuer.client_credentials()


@pytest.mark.parametrize(
    "url", ["http://id.example", "ftp://127.0.0.1", "id.example", "", "https://", "http://[::1"]
)
def test_an_issuer_has_an_https_url(url: str) -> None:
    with pytest.raises(LoginFailed):
        check_url(url)


@pytest.mark.parametrize(
    "url", ["https://id.example", "http://127.0.0.1:8080/realm", "http://localhost", "http://[::1]:1"]
)
def test_an_issuer_on_this_machine_needs_no_encryption(url: str) -> None:
    check_url(url)


async def test_a_redirect_is_not_followed_and_the_secret_stays(oidc: OidcServer) -> None:
    with scripted_server() as other:
        async with open_issuer(oidc.issuer, CLIENT) as issuer:
            oidc.status, oidc.location = 307, f"{other.url}/token"
            with pytest.raises(LoginFailed, match="redirects are not followed"):
                await issuer.client_credentials()
        assert other.requests == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "malformed"),
        (b'{"issuer": 1}', "malformed"),
        (b"x" * (MAX_BYTES + 1), "has more than 262144 bytes"),
    ],
)
async def test_a_malformed_document_is_an_error_of_one_line(body: bytes, reason: str) -> None:
    with scripted_server() as server:
        server.then(body=body)
        with pytest.raises(LoginFailed, match=reason) as error:
            async with open_issuer(server.url, CLIENT):
                pass
    assert "\n" not in str(error.value)


async def test_a_server_that_cannot_be_reached_is_an_error() -> None:
    with pytest.raises(NoAnswer, match=r"cannot reach http://127.0.0.1:1"):
        async with open_issuer("http://127.0.0.1:1", CLIENT):
            pass


@pytest.mark.parametrize(
    "answer",
    [
        b'{"access_token": "t", "token_type": "mac"}',
        b'{"access_token": "two words", "token_type": "Bearer"}',
        b'{"token_type": "Bearer"}',
    ],
)
async def test_a_token_that_cannot_be_sent_is_refused_and_not_shown(answer: bytes) -> None:
    with scripted_server() as server:
        server.then(body=f'{{"issuer": "{server.url}", "token_endpoint": "{server.url}/t"}}'.encode())
        server.then(body=answer)
        async with open_issuer(server.url, CLIENT) as issuer:
            with pytest.raises(LoginFailed) as error:
                await issuer.client_credentials()
    assert "two words" not in str(error.value)


async def test_secrets_that_the_server_repeats_are_not_in_the_error() -> None:
    text = f"no {ROBOT_SECRET} and no r3fresh\\n\\u001b[31m"
    with scripted_server() as server:
        server.then(body=f'{{"issuer": "{server.url}", "token_endpoint": "{server.url}/t"}}'.encode())
        server.then(400, f'{{"error": "invalid_grant", "error_description": "{text}"}}'.encode())
        async with open_issuer(server.url, CLIENT) as issuer:
            with pytest.raises(LoginFailed) as error:
                await issuer.refresh("r3fresh")
    assert str(error.value) == f"{server.url} refuses: invalid_grant: no *** and no *** [31m"


async def test_members_that_are_null_count_as_missing() -> None:
    with scripted_server() as server:
        optional = (
            "device_authorization_endpoint",
            "revocation_endpoint",
            "token_endpoint_auth_methods_supported",
        )
        document = {"issuer": server.url, "token_endpoint": f"{server.url}/t", **dict.fromkeys(optional)}
        server.then(body=json.dumps(document).encode())
        server.then(400, b'{"error": "invalid_scope", "error_description": null}')
        server.then(
            body=b'{"access_token": "t", "token_type": "Bearer", "refresh_token": null, "expires_in": "60"}'
        )
        async with open_issuer(server.url, CLIENT) as issuer:
            with pytest.raises(Refused, match=r"refuses: invalid_scope$"):
                await issuer.client_credentials()
            token = await issuer.client_credentials()
            await issuer.revoke("t", "access_token")
    assert (token.refresh_token, token.expires_in) == (None, 60)
    assert [request.headers["Authorization"].split()[0] for request in server.requests[1:]] == [
        "Basic",
        "Basic",
    ]


async def test_authorities_in_a_file_are_trusted(tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    file.write_text(new_pem())
    with oidc_server(file) as secure:
        async with open_issuer(secure.issuer, CLIENT, str(file)) as issuer:
            assert (await issuer.client_credentials()).access_token
        with pytest.raises(NoAnswer, match="CERTIFICATE_VERIFY_FAILED"):
            async with open_issuer(secure.issuer, CLIENT):
                pass
