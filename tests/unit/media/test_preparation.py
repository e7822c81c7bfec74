import pytest

from services.media.application.preparation import prepare
from services.shared.errors import Unavailable
from tests.support.storage.backends import PreparedStorage


class SlowStorage(PreparedStorage):
    """Storage that is ready at the third attempt."""

    attempts = 0

    async def prepare(self) -> None:
        self.attempts += 1
        if self.attempts < 3:
            raise Unavailable("connection refused")

    async def size(self, path: str) -> int | None:
        return len(path)


async def test_preparation_is_repeated_until_storage_is_available(caplog: pytest.LogCaptureFixture) -> None:
    storage = SlowStorage()
    await prepare("local", storage)
    assert storage.attempts == 3
    assert [vars(record)["reason"] for record in caplog.records if record.levelname == "WARNING"] == [
        "connection refused"
    ] * 2
