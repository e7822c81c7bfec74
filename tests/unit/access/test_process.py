from pathlib import Path

import pytest

from services.access.process import guard_of, open_access
from services.access.settings import AccessSettings
from services.shared.access import caller
from services.shared.access.principal import SYSTEM
from services.shared.errors import StartupError
from services.shared.process.settings import from_env
from tests.unit.access.test_authenticator import Checks

SECRET = "a secret of this store, long enough"


async def test_a_store_without_access_control_has_no_guard_and_sends_no_token() -> None:
    async with open_access(AccessSettings(service_secret=SECRET), Checks()) as access:
        assert access is None
        assert guard_of(access, []) is None
        assert caller.metadata() == ()


async def test_work_of_a_process_itself_carries_a_token_of_the_store() -> None:
    async with open_access(AccessSettings(auth="required", service_secret=SECRET), Checks()) as access:
        assert access is not None
        ((key, token),) = caller.metadata()
        assert key == "tams-caller"
        assert access.tokens.check(token) == SYSTEM


async def test_the_secret_can_be_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    by_file = AccessSettings(auth="required", service_secret_file=str(path))
    async with (
        open_access(by_file, Checks()) as one,
        open_access(AccessSettings(auth="required", service_secret=SECRET), Checks()) as other,
    ):
        assert one is not None
        assert other is not None
        assert other.tokens.check(one.tokens.make(SYSTEM)) == SYSTEM


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({}, "needs TAMS_AUTH_SERVICE_SECRET"),
        ({"service_secret": "short"}, "fewer than 32 bytes"),
        ({"service_secret": SECRET, "service_secret_file": "x"}, "not both"),
        ({"service_secret_file": "missing"}, "cannot read missing: No such file"),
        ({"service_secret": SECRET, "audience": "tams"}, "TAMS_AUTH_ISSUER"),
    ],
)
async def test_settings_that_do_not_fit_stop_the_start(settings: dict[str, str], complaint: str) -> None:
    chosen = AccessSettings(auth="required", **settings)  # type: ignore[arg-type]
    with pytest.raises(StartupError, match=complaint) as caught:
        async with open_access(chosen, Checks()):
            pass
    assert SECRET not in str(caught.value)


async def test_a_secret_file_that_is_empty_or_no_text_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    for content, complaint in ((b"", "needs TAMS_AUTH_SERVICE_SECRET"), (b"\xff" * 40, "it is not text")):
        path.write_bytes(content)
        with pytest.raises(StartupError, match=complaint):
            async with open_access(AccessSettings(auth="required", service_secret_file=str(path)), Checks()):
                pass


@pytest.mark.parametrize("value", ["yes", "on", "true", "Required", "none"])
def test_another_word_does_not_turn_access_control_off(value: str) -> None:
    with pytest.raises(StartupError, match="TAMS_AUTH"):
        from_env(AccessSettings, "TAMS_ANY_", {"TAMS_AUTH": value})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TAMS_AUTH_ISUER", "TAMS_AUTH_ISSUER"),
        ("TAMS_AUTHORISATION", "TAMS_AUTH"),
        ("TAMS_AUTHS", "TAMS_AUTH"),
        ("TAMS_TLS_CERTIFICATE", "TAMS_TLS_CERT"),
    ],
)
def test_a_misspelt_name_stops_the_start(name: str, meant: str) -> None:
    with pytest.raises(StartupError, match=f"unknown setting {name}; did you mean {meant}"):
        from_env(AccessSettings, "TAMS_ANY_", {name: "required"})


def test_settings_do_not_show_secrets() -> None:
    settings = AccessSettings(service_secret=SECRET, hs256_secret=SECRET)
    assert SECRET not in repr(settings)
