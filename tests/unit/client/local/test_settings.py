import importlib
from pathlib import Path

import pytest

from client.local.errors import CannotRun
from client.local.settings import PARTS, LocalSettings
from services.shared.settings import env_names


def test_defaults_lie_in_the_current_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    settings = LocalSettings.from_env({"HOME": "/root", "TAMS_STORE_URL": ""})

    assert settings.data_dir == tmp_path / ".tams"
    assert settings.store_url == f"sqlite:///{tmp_path}/.tams/tams.db"
    assert settings.ports == {}


def test_what_is_set_is_used():
    settings = LocalSettings.from_env(
        {
            "TAMS_DATA_DIR": "/data",
            "TAMS_STORE_URL": "sqlite:///x.db",
            "TAMS_GATEWAY_PORT": "9000",
            "TAMS_S3_PORT": "9001",
        }
    )

    assert settings.data_dir == Path("/data")
    assert settings.store_url == "sqlite:///x.db"
    assert settings.ports == {"TAMS_GATEWAY_PORT": 9000, "TAMS_S3_PORT": 9001}


def test_each_part_is_told_its_own_settings_and_the_shared_ones():
    settings = LocalSettings.from_env(
        {
            "TAMS_MEDIA_URL_EXPIRY_SECONDS": "60",
            "TAMS_LOG_LEVEL": "debug",
            "TAMS_MEDIA_PORT": "9000",
            "TAMS_URL": "http://x",
        }
    )

    assert settings.extra["media"] == {"TAMS_MEDIA_URL_EXPIRY_SECONDS": "60", "TAMS_LOG_LEVEL": "debug"}
    assert settings.extra["gateway"] == {"TAMS_LOG_LEVEL": "debug"}


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("TAMS_DATADIR", "/x", "unknown setting TAMS_DATADIR; did you mean TAMS_DATA_DIR?"),
        ("TAMS_ZZZZZZZZ", "1", "unknown setting TAMS_ZZZZZZZZ; known names: TAMS_DATA_DIR, "),
        ("TAMS_MEDIA_STORAGE_CONFIG", "x", "TAMS_MEDIA_STORAGE_CONFIG cannot be set here"),
        ("TAMS_S3_PORT", "many", "TAMS_S3_PORT: not a port number: many"),
        ("TAMS_S3_PORT", "0", "TAMS_S3_PORT: not a port number: 0"),
        ("TAMS_GATEWAY_PORT", "65536", "TAMS_GATEWAY_PORT: not a port number: 65536"),
        ("TAMS_GATEWAY_PORT", "-1", "TAMS_GATEWAY_PORT: not a port number: -1"),
        ("TAMS_GATEWAY_PORT", "²", "TAMS_GATEWAY_PORT: not a port number: ²"),
    ],
)
def test_a_name_or_value_that_cannot_be_used_is_one_line(name, value, line):
    with pytest.raises(CannotRun) as caught:
        LocalSettings.from_env({name: value})

    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", PARTS)
def test_every_setting_of_a_part_reaches_it_or_is_chosen_here(part):
    module = importlib.import_module("gateway.settings" if part == "gateway" else f"services.{part}.settings")
    for name in env_names(module.Settings, module.PREFIX).values():
        try:
            settings = LocalSettings.from_env({name: "1"})
        except CannotRun as error:
            assert "cannot be set here" in str(error)  # noqa: PT017 - one of two good outcomes
        else:
            own = (settings.store_url, *settings.ports.values())
            assert settings.extra[part].get(name) == "1" or "1" in map(str, own), name
