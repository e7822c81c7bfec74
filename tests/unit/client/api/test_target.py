import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from client.api import BearerToken, TamsClient, Target, Unreachable


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://store.example/flows?page=2", True),
        ("https://STORE.example:443/", True),
        ("http://store.example/", False),
        ("https://store.example:8443/", False),
        ("https://store.example.evil/", False),
        ("https://evil.example/https://store.example/", False),
        ("https://store.example@evil.example/", False),
    ],
)
async def test_only_the_origin_of_the_store_receives_credentials(url: str, same: bool) -> None:
    target = Target("https://store.example/tams/", BearerToken("t"))
    assert bool(await target.headers_for(url)) is same


def test_a_url_with_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(ValueError, match="the URL has a user or a password in it") as error:
        Target("https://ann:hunter2@store.example")
    assert "hunter2" not in str(error.value)


def test_a_file_without_certificates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.pem: No such file"):
        Target("https://store.example", ca_file=str(tmp_path / "nowhere.pem"))
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    with pytest.raises(ValueError, match=r"empty\.pem: no certificate in it"):
        Target("https://store.example", ca_file=str(empty))


def test_only_a_target_with_a_file_has_authorities_of_its_own(authority: Path) -> None:
    """Targets without one share a context, which must not get the authorities of another target."""
    shared = Target("https://store.example").ssl_context()
    own = Target("https://other.example", ca_file=str(authority)).ssl_context()
    assert Target("https://third.example").ssl_context() is shared
    assert len(own.get_ca_certs()) == len(shared.get_ca_certs()) + 1


class Service(BaseHTTPRequestHandler):
    """Answers with the service document of a store."""

    def do_GET(self) -> None:
        body = b'{"type": "urn:x-tams:service:t", "api_version": "7.0"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parameter's own name
        pass


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A file with a self-signed certificate for 127.0.0.1, beside its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "authority.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    file.with_suffix(".key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return file


@pytest.fixture
def secure_url(authority: Path) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Service)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, authority.with_suffix(".key"))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_authorities_in_the_file_are_trusted(secure_url: str, authority: Path) -> None:
    async with TamsClient(Target(secure_url, ca_file=str(authority)), attempts=1) as tams:
        assert (await tams.service()).api_version == "7.0"


async def test_unknown_authorities_are_not_trusted(secure_url: str) -> None:
    async with TamsClient(secure_url, attempts=1) as tams:
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            await tams.service()
