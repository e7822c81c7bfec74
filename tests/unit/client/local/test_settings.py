import importlib
from pathlib import Path

import pytest

from client.local.errors import CannotRun
from client.local.names import AUTH, PARTS
from client.local.settings import LocalSettings
from services.shared.process.settings import env_names


def test_defaults_are_in_the_current_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    settings = LocalSettings.from_env({"HOME": "/root", "TAMS_STORE_URL": ""})

    assert settings.data_dir == tmp_path / ".tams"
    assert settings.store_url == f"sqlite:///{tmp_path}/.tams/tams.db"
    assert settings.ports == {}


def test_settings_are_read_from_the_environment() -> None:
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


def test_each_part_has_its_own_settings_and_the_shared_ones() -> None:
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
        ("TAMS_GATEWAY_MEDIA_ADDRESS", "x", "TAMS_GATEWAY_MEDIA_ADDRESS cannot be set here"),
        ("TAMS_S3_PORT", "many", "TAMS_S3_PORT is not a port number from 1 to 65535: many"),
        ("TAMS_S3_PORT", "0", "TAMS_S3_PORT is not a port number from 1 to 65535: 0"),
        ("TAMS_GATEWAY_PORT", "65536", "TAMS_GATEWAY_PORT is not a port number from 1 to 65535: 65536"),
        ("TAMS_GATEWAY_PORT", "-1", "TAMS_GATEWAY_PORT is not a port number from 1 to 65535: -1"),
        ("TAMS_METRICS_PORT", "-2", "TAMS_METRICS_PORT is not a port number from 1 to 65535: -2"),
        ("TAMS_METRICS_PORT", "65535", "TAMS_METRICS_PORT is the first of 5 ports, so 65535 is too high"),
        ("TAMS_AUTH", "maybe", "TAMS_AUTH is neither off nor required: maybe"),
        ("TAMS_GATEWAY_PORT", "²", "TAMS_GATEWAY_PORT is not a port number from 1 to 65535: ²"),
    ],
)
def test_an_unusable_name_or_value_is_an_error_of_one_line(name: str, value: str, line: str) -> None:
    with pytest.raises(CannotRun) as caught:
        LocalSettings.from_env({name: value})

    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_a_store_with_credentials_is_not_open() -> None:
    assert LocalSettings.from_env({}, auth=True).auth
    assert LocalSettings.from_env({AUTH: "required"}).auth
    assert not LocalSettings.from_env({AUTH: "off"}).auth
    with pytest.raises(CannotRun, match="--auth and TAMS_AUTH=off contradict each other"):
        LocalSettings.from_env({AUTH: "off"}, auth=True)


def test_ports_of_metrics_follow_the_configured_one_and_can_be_set_alone() -> None:
    vast = {"TAMS_STORE_URL": "vast://127.0.0.1:1/a/b", "TAMS_METRICS_PORT": "9464"}
    settings = LocalSettings.from_env(vast | {"TAMS_EVENTS_METRICS_PORT": "9999"}, metadata=3)

    assert settings.ports == {
        "TAMS_METADATA_METRICS_PORT": 9464,
        "TAMS_MEDIA_METRICS_PORT": 9465,
        "TAMS_ANALYTICS_METRICS_PORT": 9466,
        "TAMS_EVENTS_METRICS_PORT": 9999,
        "TAMS_GATEWAY_METRICS_PORT": 9468,
        "TAMS_METADATA_2_METRICS_PORT": 9469,
        "TAMS_METADATA_3_METRICS_PORT": 9470,
    }
    assert set(settings.ports) < set(settings.port_names)


def test_without_metrics_no_port_is_used_for_them() -> None:
    settings = LocalSettings.from_env({"TAMS_METRICS_PORT": "-1", "TAMS_MEDIA_METRICS_PORT": "9000"})

    assert settings.ports == {}
    assert not any("METRICS" in name for name in settings.port_names)


@pytest.mark.parametrize("part", PARTS)
def test_each_setting_of_a_part_is_passed_to_it_or_set_by_up(part: str) -> None:
    module = importlib.import_module("gateway.settings" if part == "gateway" else f"services.{part}.settings")
    for name in env_names(module.Settings, module.PREFIX).values():
        try:
            settings = LocalSettings.from_env({name: "required" if name == AUTH else "1"})
        except CannotRun as error:
            assert "cannot be set here" in str(error)  # noqa: PT017 - one of two valid outcomes
        else:
            own = (settings.store_url, *settings.ports.values())
            passed_on = {**settings.extra[part], **settings.access}
            assert passed_on.get(name) in {"1", "required"} or "1" in map(str, own), name


@pytest.mark.parametrize("name", ["TAMS_S3_HOST", "TAMS_S3_PUBLIC_URL", "TAMS_S3_PORT", "TAMS_S3_ADMIN_PORT"])
def test_settings_of_local_storage_without_local_storage_are_an_error(name: str) -> None:
    with pytest.raises(CannotRun, match=f"{name} has no effect with TAMS_MEDIA_STORAGE_CONFIG"):
        LocalSettings.from_env({"TAMS_MEDIA_STORAGE_CONFIG": "storage.json", name: "9000"})
