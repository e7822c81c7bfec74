import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.access.service_secrets import MAX_SECRETS, ServiceSecrets
from services.access.settings import AccessSettings
from services.shared.errors import StartupError
from services.shared.process.background import background
from tests.support.processes.polling import until

ONE, TWO = "one secret of this store, long enough", "two secrets of this store, long enough"


def in_file(path: Path) -> AccessSettings:
    return AccessSettings(auth="required", service_secret_file=str(path))


@asynccontextmanager
async def followed(path: Path) -> AsyncIterator[ServiceSecrets]:
    service = ServiceSecrets(in_file(path))
    async with background(service.follow()):
        yield service


def texts(service: ServiceSecrets) -> list[str]:
    return [secret.decode() for secret in service.secrets.all]


def test_each_line_is_a_secret_and_the_first_signs(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"\n  {ONE}\r\n\n{TWO}\n")
    assert texts(ServiceSecrets(in_file(path))) == [ONE, TWO]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (f"{ONE}\nshort\n", "fewer than 32 bytes in line 2"),
        ("short\n", "fewer than 32 bytes$"),
        (f"{ONE}\n" * (MAX_SECRETS + 1), "more than 8 lines"),
        ("\n \n", "needs TAMS_AUTH_SERVICE_SECRET"),
    ],
)
def test_a_file_with_other_lines_stops_the_start(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "secret"
    path.write_text(content)
    with pytest.raises(StartupError, match=complaint) as caught:
        ServiceSecrets(in_file(path))
    assert ONE not in str(caught.value)


async def test_a_changed_file_is_read_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "secret"
    path.write_text(ONE)
    with caplog.at_level("INFO"):
        async with followed(path) as service:
            for content, expected in (
                (f"{ONE}\n{TWO}", [ONE, TWO]),
                (f"{TWO}\n{ONE}", [TWO, ONE]),
                (TWO, [TWO]),
            ):
                path.write_text(content)

                def is_read(expected: list[str] = expected) -> bool:
                    return texts(service) == expected

                await until(is_read)
    assert ONE not in caplog.text
    assert TWO not in caplog.text


async def test_a_file_that_cannot_be_used_is_logged_and_the_secrets_stay(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "secret"
    path.write_text(ONE)
    async with followed(path) as service:
        path.write_text(f"{ONE}\nshort")
        await until(lambda: "in line 2" in caplog.text)
        path.unlink()
        await until(lambda: "No such file" in caplog.text)
        assert texts(service) == [ONE]
        path.write_text(TWO)
        await until(lambda: texts(service) == [TWO])


async def test_a_secret_without_a_file_stays(tmp_path: Path) -> None:
    service = ServiceSecrets(AccessSettings(auth="required", service_secret=ONE))
    async with background(service.follow()):
        await asyncio.sleep(0)
    assert texts(service) == [ONE]
