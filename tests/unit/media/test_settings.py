import pytest

from services.media.settings import PREFIX, Settings
from services.shared.errors import StartupError
from services.shared.process.settings import from_env


def test_settings_are_read_by_name_and_type() -> None:
    env = {
        "TAMS_MEDIA_PORT": "9102",
        "TAMS_MEDIA_METADATA_ADDRESS": "dns:///metadata:8101",
        "TAMS_MEDIA_STORAGE_CONFIG": "/etc/tams/storage.json",
        "TAMS_MEDIA_URL_EXPIRY_SECONDS": "604500",
        "TAMS_MEDIA_MEASURE_IDLE_SECONDS": "0.5",
    }
    settings = from_env(Settings, PREFIX, env)
    assert settings.port == 9102
    assert settings.metadata_address == "dns:///metadata:8101"
    assert settings.storage_config == "/etc/tams/storage.json"
    assert settings.url_expiry_seconds == 604500
    assert settings.measure_idle_seconds == 0.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TAMS_MEDIA_URL_EXPIRY_SECONDS", "29"),
        ("TAMS_MEDIA_UPLOAD_URL_EXPIRY_SECONDS", "29"),
        # Together with the signing window this exceeds the seven days that S3 allows.
        ("TAMS_MEDIA_URL_EXPIRY_SECONDS", "604501"),
        ("TAMS_MEDIA_MEASURE_IDLE_SECONDS", "0"),
        ("TAMS_MEDIA_MEASURE_CONCURRENCY", "1000"),
    ],
)
def test_a_value_out_of_bounds_is_refused(name: str, value: str) -> None:
    with pytest.raises(StartupError, match=name):
        from_env(Settings, PREFIX, {name: value})
