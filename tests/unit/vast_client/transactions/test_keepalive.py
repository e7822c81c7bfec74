from collections.abc import Iterator

import pytest

from services.vast_client.transactions.keepalive import KeepAlive


class Database:
    """Records the transactions that are kept alive; answers while it is available."""

    def __init__(self) -> None:
        self.now = 0.0
        self.available = True
        self.kept_alive: list[int] = []

    def keep_alive(self, txid: int) -> bool:
        self.kept_alive.append(txid)
        return self.available


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def keepalive(database: Database) -> Iterator[KeepAlive]:
    keepalive = KeepAlive(database.keep_alive, lambda: database.now, threaded=False)
    yield keepalive
    keepalive.close()


def kept_alive_during(database: Database, keepalive: KeepAlive, seconds: int) -> list[int]:
    """The transactions that are kept alive during a number of seconds."""
    database.kept_alive.clear()
    for _ in range(seconds // 10):
        database.now += 10
        keepalive.once()
    return database.kept_alive


def test_long_transactions_are_kept_alive_every_half_minute(database: Database, keepalive: KeepAlive) -> None:
    keepalive.add(7)
    assert kept_alive_during(database, keepalive, 20) == []
    assert kept_alive_during(database, keepalive, 100) == [7] * 4
    keepalive.remove(7)
    assert kept_alive_during(database, keepalive, 100) == []


def test_a_failed_request_is_repeated_soon(database: Database, keepalive: KeepAlive) -> None:
    keepalive.add(7)
    database.available = False
    assert kept_alive_during(database, keepalive, 60) == [7] * 4
    database.available = True
    assert kept_alive_during(database, keepalive, 30) == [7]


def test_short_transactions_are_not_kept_alive(database: Database, keepalive: KeepAlive) -> None:
    for txid in range(100):
        keepalive.add(txid)
        database.now += 20
        keepalive.once()
        keepalive.remove(txid)
    assert database.kept_alive == []
    keepalive.remove(5)  # a second time, without effect
