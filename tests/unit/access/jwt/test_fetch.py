from pathlib import Path

import pytest

from services.access.jwt.fetch import MAX_BYTES, http_fetch
from services.shared.errors import StartupError
from tests.support.access.certificates import write_certificate
from tests.support.access.documents_server import Documents, running_documents
from tests.support.processes.ports import free_ports


async def test_a_document_is_read(documents: Documents) -> None:
    documents.bodies["/keys"] = b'{"keys":[]}'
    assert await http_fetch("")(f"{documents.url}/keys") == b'{"keys":[]}'


async def test_a_document_may_have_the_largest_size_and_no_more(documents: Documents) -> None:
    documents.bodies |= {"/large": b" " * MAX_BYTES, "/larger": b" " * (MAX_BYTES + 1)}
    fetch = http_fetch("")
    assert len(await fetch(f"{documents.url}/large")) == MAX_BYTES
    with pytest.raises(ValueError, match=f"more than {MAX_BYTES} bytes"):
        await fetch(f"{documents.url}/larger")


async def test_a_redirect_is_not_followed(documents: Documents) -> None:
    documents.bodies["/secret"] = b"{}"
    documents.redirects["/keys"] = f"{documents.url}/secret"
    with pytest.raises(OSError, match="302"):
        await http_fetch("")(f"{documents.url}/keys")
    assert "/secret" not in documents.reads


async def test_an_error_status_is_an_error(documents: Documents) -> None:
    with pytest.raises(OSError, match="404"):
        await http_fetch("")(f"{documents.url}/missing")


@pytest.mark.parametrize(
    "raw", [b"", b"hello\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"a" * 99_999]
)
async def test_an_answer_that_is_not_http_is_an_error(documents: Documents, raw: bytes) -> None:
    documents.raw["/keys"] = raw
    with pytest.raises(OSError):  # noqa: PT011 - the text is that of the library
        await http_fetch("")(f"{documents.url}/keys")


async def test_a_server_that_is_not_there_is_an_error() -> None:
    (port,) = free_ports(1)
    with pytest.raises(OSError):  # noqa: PT011 - the text is that of the library
        await http_fetch("")(f"http://127.0.0.1:{port}/keys")


async def test_an_issuer_may_have_a_certificate_of_the_operator(tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path / "own.pem")
    with running_documents(certificate) as documents:
        documents.bodies["/keys"] = b"{}"
        assert await http_fetch(str(certificate))(f"{documents.url}/keys") == b"{}"


@pytest.mark.parametrize(
    ("address", "days", "trusted", "complaint"),
    [
        ("127.0.0.1", 2, "", "self-signed certificate"),
        ("127.0.0.1", 2, "foreign.pem", "self-signed certificate"),
        ("127.0.0.2", 2, "own.pem", "certificate is not valid for '127.0.0.1'"),
        ("127.0.0.1", -1, "own.pem", "certificate has expired"),
    ],
)
async def test_another_certificate_is_refused(
    tmp_path: Path, address: str, days: int, trusted: str, complaint: str
) -> None:
    certificate = write_certificate(tmp_path / "own.pem", address, days=days)
    write_certificate(tmp_path / "foreign.pem")
    fetch = http_fetch(str(tmp_path / trusted) if trusted else "")
    with running_documents(certificate) as documents:
        documents.bodies["/keys"] = b"{}"
        with pytest.raises(OSError, match=complaint):
            await fetch(f"{documents.url}/keys")
        assert documents.reads == {}


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_bad_file_of_authorities_stops_the_start(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(StartupError, match="TAMS_AUTH_CA_FILE"):
        http_fetch(str(path))
