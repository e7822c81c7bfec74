import json
from pathlib import Path
from typing import Any

import pytest

from services.media.adapters.storage_config import read_storage_backends
from services.media.domain.credentials import Credentials
from services.media.domain.storage_backend import StorageBackend
from services.shared.errors import StartupError
from tests.support.storage.backends import BACKEND_ID, NOON, OTHER_BACKEND_ID

ENTRY = {
    "id": BACKEND_ID,
    "label": "local",
    "provider": "me",
    "store_product": "SeaweedFS",
    "endpoint_url": "http://127.0.0.1:8333",
    "bucket": "tams",
    "access_key_file": "access",
    "secret_key_file": "secret",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "access").write_text("AKID\n")
    (tmp_path / "secret").write_text("s3cret\n")
    return tmp_path


def read(folder: Path, *entries: Any) -> list[StorageBackend]:
    path = folder / "storage.json"
    path.write_text(json.dumps(entries))
    return list(read_storage_backends(path))


def test_a_minimal_entry_has_defaults(folder: Path) -> None:
    (backend,) = read(folder, ENTRY)
    assert backend.credentials.current == Credentials("AKID", "s3cret")
    assert backend.public_endpoint_url == backend.endpoint_url == "http://127.0.0.1:8333"
    assert (backend.region, backend.signing_region) == ("", "us-east-1")
    assert not backend.create_bucket
    assert backend.conditional_writes == "offered"
    assert backend.public_bucket_url == "http://127.0.0.1:8333/tams"
    assert backend.signed_put_headers == {}


def test_a_full_entry_has_its_values(folder: Path) -> None:
    (folder / "token").write_text("t0ken")
    options = {
        "region": "eu-west-2",
        "availability_zone": "b",
        "default_storage": True,
        "public_endpoint_url": "https://media.example.com",
        "prefix": "tams/media/",
        "session_token_file": str(folder / "token"),
        "create_bucket": True,
        "cors_origins": ["https://app.example.com"],
        "conditional_writes": False,
        "tags": {"tier": "archive", "note": ""},
    }
    (backend,) = read(folder, ENTRY | options)
    assert backend.credentials.current.session_token == "t0ken"
    assert backend.signing_region == "eu-west-2"
    assert backend.public_endpoint_url == "https://media.example.com"
    assert backend.cors_origins == ("https://app.example.com",)
    assert backend.conditional_writes == "off"
    assert backend.tags == {"tier": "archive", "note": ""}
    assert (backend.prefix, backend.default_storage, backend.create_bucket) == ("tams/media/", True, True)


@pytest.mark.parametrize(
    ("value", "choice"),
    [
        ("required", "required"),
        ("offered", "offered"),
        ("off", "off"),
        (True, "required"),
        (False, "off"),
    ],
)
def test_conditional_writes_are_a_choice_of_three(folder: Path, value: str | bool, choice: str) -> None:
    (backend,) = read(folder, ENTRY | {"conditional_writes": value})
    assert backend.conditional_writes == choice


def test_one_file_can_have_all_parts_of_the_credentials(folder: Path) -> None:
    entry = {name: value for name, value in ENTRY.items() if not name.endswith("_key_file")}
    document = {"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": "s3cret", "SessionToken": "t0ken"}
    (folder / "role.json").write_text(json.dumps(document | {"Expiration": "2026-03-04T12:00:00Z"}))
    (backend,) = read(folder, entry | {"credentials_file": "role.json"})
    assert backend.credentials.current == Credentials("AKID", "s3cret", "t0ken", NOON)
    (folder / "role.json").write_text(json.dumps(document))
    (backend,) = read(folder, entry | {"credentials_file": "role.json"})
    assert backend.credentials.current.expires is None


@pytest.mark.parametrize(
    "document",
    [
        {"AccessKeyId": "AKID", "SecretAccessKey": "s3cret"},
        {"Version": 1, "AccessKeyId": "AKID"},
        {"Version": 1, "AccessKeyId": "", "SecretAccessKey": "s3cret"},
        {"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": "s3cret", "Expiration": "s3cret"},
        # A time without its zone.
        {"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s3cret", "Expiration": "2026-03-04T12:00:00"},
        "s3cret",
    ],
)
def test_a_malformed_file_of_credentials_is_refused_and_not_shown(folder: Path, document: object) -> None:
    entry = {name: value for name, value in ENTRY.items() if not name.endswith("_key_file")}
    (folder / "role.json").write_text(json.dumps(document))
    with pytest.raises(StartupError, match=r"cannot use .*role\.json") as raised:
        read(folder, entry | {"credentials_file": "role.json"})
    assert "s3cret" not in str(raised.value)


def test_without_files_the_chain_of_the_sdk_is_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {name: value for name, value in ENTRY.items() if not name.endswith("_key_file")}
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "none"))
    with pytest.raises(StartupError, match="AWS's SDK finds none"):
        read(folder, entry)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    (backend,) = read(folder, entry)
    assert backend.credentials.current == Credentials("AKID", "s3cret")


def test_backends_keep_the_order_of_the_file(folder: Path) -> None:
    assert [backend.id for backend in read(folder, ENTRY | {"id": OTHER_BACKEND_ID}, ENTRY)] == [
        OTHER_BACKEND_ID,
        BACKEND_ID,
    ]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"id": BACKEND_ID.upper()}, "$[0].id"),
        ({"id": BACKEND_ID + "\n"}, "$[0].id"),
        ({"label": ""}, "$[0].label"),
        ({"endpoint_url": "127.0.0.1:8333"}, "$[0].endpoint_url"),
        ({"endpoint_url": "http://key:secret@host"}, "$[0].endpoint_url"),
        ({"public_endpoint_url": "http://host/a b"}, "$[0].public_endpoint_url"),
        ({"public_endpoint_url": "http://host/../x"}, "$[0].public_endpoint_url"),
        ({"endpoint_url": "http://host//x"}, "$[0].endpoint_url"),
        ({"endpoint_url": "http://host/x?y"}, "$[0].endpoint_url"),
        ({"addressing_style": "auto"}, "$[0].addressing_style"),
        ({"addressing_style": "virtual"}, "needs endpoints with host names"),
        ({"addressing_style": "virtual", "bucket": "tams.media"}, "needs a bucket name without dots"),
        ({"storage_class": "COLD\nX-Y: z"}, "$[0].storage_class"),
        ({"server_side_encryption": "aes256"}, "$[0].server_side_encryption"),
        ({"server_side_encryption": "aws:kms", "kms_key_id": "a b"}, "$[0].kms_key_id"),
        ({"kms_key_id": "key"}, "kms_key_id needs server_side_encryption aws:kms"),
        ({"server_side_encryption": "AES256", "kms_key_id": "key"}, "kms_key_id needs"),
        ({"bucket": "Not A Bucket"}, "$[0].bucket"),
        ({"prefix": "/media/"}, "$[0].prefix"),
        ({"key_template": "{prefix}{year}"}, "local: key_template: it must have {prefix} and {object}"),
        ({"cdn_url": "https://cdn.example/?x"}, "$[0].cdn_url"),
        ({"prefix": "media"}, "$[0].prefix"),
        ({"prefix": "a/../b/"}, "$[0].prefix"),
        ({"default_storage": "yes"}, "$[0].default_storage"),
        ({"secret_key": "s3cret"}, "unknown field `secret_key`"),
        ({"credentials_file": "role.json"}, "or none"),
        ({"secret_key_file": None}, "or none"),
        ({"access_key_file": None, "secret_key_file": None, "session_token_file": "t"}, "or none"),
        ({"access_key_file": "nowhere"}, "nowhere: No such file"),
        ({"secret_key_file": "."}, "Is a directory"),
    ],
)
def test_a_malformed_entry_is_refused_in_one_line(
    folder: Path, change: dict[str, str | None], complaint: str
) -> None:
    with pytest.raises(StartupError) as raised:
        read(folder, ENTRY | change)
    assert complaint in str(raised.value)
    assert str(folder / "storage.json") in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_member_is_in_the_error(folder: Path) -> None:
    with pytest.raises(StartupError, match="bucket"):
        read(folder, {name: value for name, value in ENTRY.items() if name != "bucket"})


def test_a_repeated_id_is_refused(folder: Path) -> None:
    with pytest.raises(StartupError, match=f"{BACKEND_ID} is given twice"):
        read(folder, ENTRY, ENTRY)


def test_two_default_backends_are_refused(folder: Path) -> None:
    entry = ENTRY | {"default_storage": True}
    with pytest.raises(StartupError, match="more than one backend has default_storage"):
        read(folder, entry, entry | {"id": OTHER_BACKEND_ID})


def test_a_backend_alone_is_the_default_unless_it_says_otherwise(folder: Path) -> None:
    (backend,) = read(folder, ENTRY)
    assert backend.default_storage
    (backend,) = read(folder, ENTRY | {"default_storage": False})
    assert not backend.default_storage
    assert not any(
        backend.default_storage for backend in read(folder, ENTRY, ENTRY | {"id": OTHER_BACKEND_ID})
    )


def test_the_bucket_is_in_the_host_or_below_the_path_of_the_endpoint(folder: Path) -> None:
    endpoints = {"endpoint_url": "http://s3.internal:80", "public_endpoint_url": "https://media.example/s3/"}
    (backend,) = read(folder, ENTRY | endpoints | {"addressing_style": "virtual"})
    assert backend.public_bucket_url == "https://tams.media.example/s3"
    (backend,) = read(folder, ENTRY | endpoints)
    assert backend.public_bucket_url == "https://media.example/s3/tams"


def test_class_and_encryption_are_headers_that_are_always_signed(folder: Path) -> None:
    options = {"storage_class": "COLD", "server_side_encryption": "aws:kms", "kms_key_id": "key/1"}
    (backend,) = read(folder, ENTRY | options)
    signed = {
        "x-amz-storage-class": "COLD",
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "key/1",
    }
    assert backend.signed_put_headers == signed
    assert backend.put_headers == {"If-None-Match": "*"} | signed


def test_a_file_without_backends_is_refused(folder: Path) -> None:
    with pytest.raises(StartupError, match="lists no storage backend"):
        read(folder)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"cannot read .*absent.json: No such file"):
        read_storage_backends(tmp_path / "absent.json")


def test_malformed_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "storage.json"
    path.write_bytes(b"[{]")
    with pytest.raises(StartupError, match="malformed"):
        read_storage_backends(path)


def test_an_empty_key_file_is_refused(folder: Path) -> None:
    (folder / "secret").write_text("\n")
    with pytest.raises(StartupError, match="secret is empty"):
        read(folder, ENTRY)


def test_a_malformed_key_is_not_in_the_error(folder: Path) -> None:
    (folder / "secret").write_bytes(b"s3cr\xe9t")
    with pytest.raises(StartupError, match="not ASCII") as raised:
        read(folder, ENTRY)
    assert "s3cr" not in str(raised.value)
