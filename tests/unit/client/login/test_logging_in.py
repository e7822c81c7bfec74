import asyncio
import time
from pathlib import Path

import pytest

from client.api import LoginFailed
from client.login import ConfigFolder, Profile, log_in, log_out
from client.login.oidc.device import Device
from client.login.token_file import StoredToken, TokenFile
from tests.support.login.oidc_server import ROBOT_SECRET, OidcServer
from tests.support.processes.polling import until


def show_nothing(_device: Device) -> None:
    raise AssertionError("a client needs no person")


async def test_a_client_logs_in_by_its_secret(folder: ConfigFolder, robot: Profile, oidc: OidcServer) -> None:
    stored = await log_in(folder, "p", robot, show_nothing)
    assert TokenFile(folder, "p").read() == stored
    assert stored.expires_at == pytest.approx(time.time() + 3600, abs=300)
    assert oidc.grants() == ["client_credentials"]


async def test_a_person_logs_in_on_the_page_that_is_shown(
    folder: ConfigFolder, person: Profile, oidc: OidcServer
) -> None:
    shown: list[Device] = []
    running = asyncio.ensure_future(log_in(folder, "p", person, shown.append))
    await until(lambda: len(oidc.grants()) >= 2)
    oidc.allow()
    stored = await running
    assert (shown[0].user_code, shown[0].verification_uri) == ("WXYZ-0000", f"{oidc.issuer}/activate")
    assert stored.refresh_token in oidc.refresh_tokens
    assert "device_code" not in repr(shown[0])


async def test_a_wrong_secret_is_an_error_without_the_secret(folder: ConfigFolder, robot: Profile) -> None:
    Path(robot.client_secret_file).write_text(ROBOT_SECRET + "x")
    with pytest.raises(LoginFailed, match="refuses: invalid_client") as error:
        await log_in(folder, "p", robot, show_nothing)
    assert ROBOT_SECRET not in str(error.value)
    assert TokenFile(folder, "p").read() is None


async def test_a_missing_secret_file_is_an_error(folder: ConfigFolder, oidc: OidcServer) -> None:
    profile = Profile(url="u", issuer=oidc.issuer, client_id="c", client_secret_file="/nowhere")
    with pytest.raises(LoginFailed, match="cannot read the client secret in /nowhere: No such file"):
        await log_in(folder, "p", profile, show_nothing)


async def test_a_logout_removes_and_revokes_the_tokens(
    folder: ConfigFolder, person: Profile, oidc: OidcServer
) -> None:
    file = TokenFile(folder, "p")
    file.write(StoredToken(access_token="a", refresh_token="r"))
    assert await log_out(folder, "p", person)
    assert file.read() is None
    assert oidc.revoked == ["r", "a"]
    assert not await log_out(folder, "p", person)


async def test_a_logout_removes_the_token_although_the_server_fails(
    folder: ConfigFolder, person: Profile, oidc: OidcServer
) -> None:
    file = TokenFile(folder, "p")
    file.write(StoredToken(access_token="a"))
    oidc.status = 500
    with pytest.raises(LoginFailed, match="answers with status 500"):
        await log_out(folder, "p", person)
    assert file.read() is None


async def test_a_logout_removes_a_damaged_token(folder: ConfigFolder, person: Profile) -> None:
    file = TokenFile(folder, "p")
    folder.write(file.name, "damaged")
    assert await log_out(folder, "p", person)
    assert file.read() is None
