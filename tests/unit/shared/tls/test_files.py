import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from services.shared.errors import StartupError
from services.shared.tls.files import CertificateFiles, open_certificates
from tests.support.access.authority import DAY, Authority, Issued

CERT, KEY, CA = "TAMS_TLS_CERT", "TAMS_TLS_KEY", "TAMS_TLS_CA"
KEPT = "the new certificate cannot be used; the old one stays"
MALFORMED = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def issued(authority: Authority) -> Issued:
    return authority.issue("server")


def files_of(issued: Issued, authority: Authority) -> dict[str, str]:
    return {CERT: str(issued.cert), KEY: str(issued.key), CA: str(authority.file)}


def test_without_settings_there_are_no_files() -> None:
    assert open_certificates({CERT: "", KEY: "", CA: ""}) is None
    assert open_certificates({}) is None


@pytest.mark.parametrize("missing", [CERT, KEY, CA])
def test_some_of_the_settings_alone_are_an_error(issued: Issued, authority: Authority, missing: str) -> None:
    files = files_of(issued, authority) | {missing: ""}
    with pytest.raises(
        StartupError, match=rf"TAMS_TLS_CERT, TAMS_TLS_KEY, TAMS_TLS_CA.*; {missing} is not set"
    ):
        open_certificates(files)


def test_the_contents_of_the_files_are_used(issued: Issued, authority: Authority) -> None:
    current = CertificateFiles(files_of(issued, authority)).current
    assert current == (issued.cert.read_bytes(), issued.key.read_bytes(), authority.file.read_bytes())


@pytest.mark.parametrize("missing", [CERT, KEY, CA])
def test_a_missing_file_is_an_error_with_its_name(issued: Issued, authority: Authority, missing: str) -> None:
    files = files_of(issued, authority) | {missing: "/nowhere/file"}
    with pytest.raises(StartupError, match=f"^{missing}: cannot read /nowhere/file: No such file"):
        CertificateFiles(files)


def test_a_key_of_another_certificate_is_an_error(issued: Issued, authority: Authority) -> None:
    files = files_of(issued, authority) | {KEY: str(authority.issue("other").key)}
    with pytest.raises(StartupError, match=r"cannot use TAMS_TLS_CERT with TAMS_TLS_KEY: .*not belong"):
        CertificateFiles(files)


@pytest.mark.parametrize(
    ("name", "reason"), [(CERT, "no certificate"), (KEY, "not a private key"), (CA, "no certificate")]
)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", MALFORMED])
def test_a_file_with_something_else_is_an_error(
    issued: Issued, authority: Authority, name: str, reason: str, content: bytes
) -> None:
    other = authority.folder / "other"
    other.write_bytes(content)
    with pytest.raises(StartupError, match=f"{name}.*{reason}"):
        CertificateFiles(files_of(issued, authority) | {name: str(other)})


def test_a_huge_file_is_not_read(issued: Issued, authority: Authority, tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(StartupError, match="more than"):
        CertificateFiles(files_of(issued, authority) | {CA: str(huge)})


def test_an_encrypted_key_is_an_error(issued: Issued, authority: Authority) -> None:
    key = load_pem_private_key(issued.key.read_bytes(), None)
    issued.key.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))
    )
    with pytest.raises(StartupError, match="encrypted"):
        CertificateFiles(files_of(issued, authority))


@pytest.mark.parametrize(
    "make",
    [
        lambda: rsa.generate_private_key(65537, 1024),
        lambda: ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate,
    ],
)
def test_a_key_that_servers_do_not_use_is_an_error(
    issued: Issued, authority: Authority, make: Callable[[], PrivateKeyTypes]
) -> None:
    issued.key.write_bytes(make().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(StartupError, match="neither RSA"):
        CertificateFiles(files_of(issued, authority))


def test_renewed_files_are_read(issued: Issued, authority: Authority) -> None:
    files = CertificateFiles(files_of(issued, authority))
    assert not files.renew()
    fresh = authority.issue("fresh")
    issued.replace(fresh)
    assert files.renew()
    assert files.current.chain == fresh.cert.read_bytes()
    assert not files.renew()


def test_a_half_renewed_pair_is_logged_and_the_old_one_stays(
    issued: Issued, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    files = CertificateFiles(files_of(issued, authority))
    before, fresh = files.current, authority.issue("fresh")
    issued.cert.write_bytes(fresh.cert.read_bytes())
    assert not files.renew()
    assert not files.renew()
    assert files.current == before
    assert [record.getMessage() for record in caplog.records] == [
        f"{KEPT}: cannot use {CERT} with {KEY}: the key does not belong to the certificate"
    ]
    issued.key.write_bytes(fresh.key.read_bytes())
    assert files.renew()
    assert files.current.key == fresh.key.read_bytes()


def test_touched_files_are_not_renewed(issued: Issued, authority: Authority) -> None:
    files = CertificateFiles(files_of(issued, authority))
    issued.cert.touch()
    assert not files.renew()


@pytest.mark.parametrize(
    ("begins", "ends", "reason"), [(-2 * DAY, -DAY, "expired"), (DAY, 2 * DAY, "not valid before")]
)
def test_a_certificate_that_is_not_valid_now_is_used_with_a_warning(
    authority: Authority,
    caplog: pytest.LogCaptureFixture,
    begins: timedelta,
    ends: timedelta,
    reason: str,
) -> None:
    issued = authority.issue("other time", begins=begins, ends=ends)
    CertificateFiles(files_of(issued, authority))
    assert [(record.levelno, reason in record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, True)
    ]
