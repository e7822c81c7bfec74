import json

import pytest

from client.api import LoginFailed
from client.login.oidc import device
from client.login.oidc.device import Device
from client.login.oidc.issuer import Client, open_issuer
from tests.support.http.scripted_server import scripted_server
from tests.support.login.oidc_server import PERSON, OidcServer

CLIENT = Client(PERSON, scope="tams-api/read")


class Time:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


async def test_the_server_is_asked_until_the_person_has_allowed_the_login(oidc: OidcServer) -> None:
    time = Time()
    oidc.interval = 2
    oidc.errors = ["authorization_pending", "slow_down", "authorization_pending"]
    async with open_issuer(oidc.issuer, CLIENT) as issuer:
        codes = await device.begin(issuer)
        oidc.allow()
        token = await device.wait(issuer, codes, time.sleep, time.clock)
    assert token.refresh_token
    # Five seconds more after slow_down (RFC 8628, section 3.5).
    assert time.pauses == [2, 2, 7, 7]
    assert oidc.requests[0] == ("/device", {"scope": "tams-api/read", "client_id": PERSON})


async def test_pauses_double_while_the_server_does_not_answer(oidc: OidcServer) -> None:
    time = Time()
    async with open_issuer(oidc.issuer, CLIENT) as issuer:
        codes = await device.begin(issuer)
        oidc.status = 503
        with pytest.raises(LoginFailed, match="nobody allowed the login in time"):
            await device.wait(issuer, codes, time.sleep, time.clock)
    assert time.pauses[:3] == [0.1, 0.2, 0.4]
    assert max(time.pauses) == 60
    assert time.now < 600 + 60


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("access_denied", "the login was denied"),
        ("expired_token", "nobody allowed the login in time"),
        ("invalid_grant", "refuses: invalid_grant"),
    ],
)
async def test_a_login_that_is_not_allowed_is_an_error(oidc: OidcServer, error: str, reason: str) -> None:
    time = Time()
    oidc.errors = [error]
    async with open_issuer(oidc.issuer, CLIENT) as issuer:
        codes = await device.begin(issuer)
        with pytest.raises(LoginFailed, match=reason):
            await device.wait(issuer, codes, time.sleep, time.clock)


async def test_a_server_without_device_authorization_is_an_error(oidc: OidcServer) -> None:
    oidc.has_devices = False
    async with open_issuer(oidc.issuer, CLIENT) as issuer:
        with pytest.raises(LoginFailed, match="the server has no device authorization"):
            await device.begin(issuer)


@pytest.mark.parametrize(
    "page", ["javascript:alert(1)", "file:///etc/passwd", "https://id.example/\\u001b[2J", ""]
)
async def test_a_page_that_is_not_http_is_refused(page: str) -> None:
    codes = f'{{"device_code": "d", "user_code": "u", "verification_uri": "{page}"}}'
    with scripted_server() as server:
        url = server.url
        names = ("token_endpoint", "device_authorization_endpoint")
        server.then(body=json.dumps({"issuer": url, **{name: f"{url}/{name}" for name in names}}).encode())
        server.then(body=codes.encode())
        async with open_issuer(url, CLIENT) as issuer:
            with pytest.raises(LoginFailed, match="not an http URL"):
                await device.begin(issuer)


def test_repr_has_no_device_code() -> None:
    assert "s3cret" not in repr(
        Device(device_code="s3cret", user_code="u", verification_uri="https://id.example")
    )
