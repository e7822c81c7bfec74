from services.media.application.preparation import prepare
from services.shared.errors import Unavailable


class SlowStorage:
    """Ready at the third attempt."""

    attempts = 0

    async def prepare(self):
        self.attempts += 1
        if self.attempts < 3:
            raise Unavailable("connection refused")

    async def size(self, path):
        return len(path)


async def test_it_tries_until_storage_is_there(caplog):
    storage = SlowStorage()
    await prepare("local", storage)
    assert storage.attempts == 3
    assert [record.reason for record in caplog.records if record.levelname == "WARNING"] == [
        "connection refused"
    ] * 2
