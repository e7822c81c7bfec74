import json
from pathlib import Path

import pytest

from client.support.scrubbing import REMOVED, Scrubber, known_secrets

# In two pieces, as no file of the project may have the beginning of a key.
BEGIN = "-----BEG" + "IN %sPRIVATE KEY-----"
PLANTED = "pl4nted-Secret/with+odd=chars"


@pytest.mark.parametrize(
    "text",
    [
        f"https://user:{PLANTED.replace('/', '')}@host/path",
        "https://host/o?X-Amz-Credential=pl4nted&X-Amz-Signature=pl4nted",
        "/flows/1?access_token=pl4nted",
        "Authorization: Bearer pl4nted.pl4nted",
        "authorization: basic pl4nted==",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbDRudGVkIn0.pl4nted",
        "tams_0123456789abcdef_" + "ab" * 32 + "pl4nted",
        "AK" + "IAPL4NTEDPL4NTED12",
        json.dumps({"password": 'pl4nted with spaces and a " quote pl4nted'}),
        json.dumps({"message": json.dumps({"secret_key": "pl4nted pl4nted"})}),
        "token=pl4nted",
        "PASSWORD: pl4nted",
        f"{BEGIN % 'RSA '}\npl4nted\npl4nted\n-----END RSA PRIVATE KEY-----",
        f"{BEGIN % ''}\npl4nted",
        "client_secret='pl4nted pl4nted'",
    ],
)
def test_what_has_the_form_of_a_secret_is_removed(text: str) -> None:
    cleaned = Scrubber([]).clean(text)
    assert "pl4nted" not in cleaned.lower()
    assert REMOVED in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8000/flows/1/segments",
        '{"status": "SERVING", "reasons": ["metadata: it does not answer"]}',
        'tams_store_duration_seconds_bucket{operation="read",le="0.5"} 7.0',
        "vast://10.0.0.1:443,10.0.0.2:443/bucket/schema",
        '{"token_file": "/run/token", "TAMS_AUTH_SERVICE_SECRET_FILE": "/run/secret"}',
        "is it well? yes",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert Scrubber([]).clean(text) == text


def test_known_secrets_are_removed_wherever_they_are() -> None:
    scrubber = Scrubber([PLANTED, PLANTED[:12], "short"])
    assert scrubber.clean(f"a{PLANTED}b {PLANTED[:12]} short") == f"a{REMOVED}b {REMOVED} short"


def test_secrets_are_those_of_settings_and_of_files_that_settings_and_the_data_directory_name(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "secret_key").write_text("from-the-folder\n")
    (folder / "s3.json").write_text(json.dumps({"secretKey": "from-a-json-of-the-folder"}))
    (tmp_path / "named").write_text("from-a-named-file\nits-second-line\n")
    hidden = {"TAMS_PASSWORD": "from-the-environment"}
    shown = {"TAMS_AUTH_SERVICE_SECRET_FILE": str(tmp_path / "named"), "TAMS_TLS_KEY": "/missing"}

    found = known_secrets(hidden, shown, folder)

    assert {
        "from-the-folder",
        "from-a-json-of-the-folder",
        "from-a-named-file",
        "its-second-line",
        "from-the-environment",
    } <= found


def test_a_missing_folder_of_secrets_has_none(tmp_path: Path) -> None:
    assert known_secrets({}, {}, tmp_path / "missing") == set()


def test_a_long_text_without_spaces_takes_no_long_time() -> None:
    text = "a" * 300_000 + "eyJ-" * 10_000 + "token" * 10_000
    assert Scrubber(["unknown"]).clean(text) == text
