import threading
from collections.abc import Iterator
from time import monotonic, sleep

import pytest

from services.vast_client.connections.connections import time_left
from services.vast_client.transactions import endings as module
from services.vast_client.transactions.endings import Endings, try_until


class Database:
    """Ends transactions while it is available."""

    def __init__(self) -> None:
        self.available = False
        self.requested: list[int] = []
        self.shortest_time = float("inf")

    def end(self, txid: int) -> bool:
        self.requested.append(txid)
        self.shortest_time = min(self.shortest_time, time_left())
        return self.available


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def endings(database: Database) -> Iterator[Endings]:
    endings = Endings(database.end)
    yield endings
    endings.close()


def wait_until_all_ended(endings: Endings) -> None:
    deadline = monotonic() + 30
    while endings.count():
        assert monotonic() < deadline
        sleep(0.01)


def test_transactions_are_ended_when_the_database_is_available_again(
    database: Database, endings: Endings
) -> None:
    forgotten = threading.Event()
    endings.add(2**64 - 1, wrote=True, forget=forgotten.set)
    assert not endings.settle()
    assert not forgotten.is_set()
    database.available = True
    wait_until_all_ended(endings)
    assert forgotten.wait(30)
    assert set(database.requested) == {2**64 - 1}


def test_a_change_waits_only_for_transactions_that_wrote(database: Database) -> None:
    endings = Endings(database.end, threaded=False)
    endings.add(1, wrote=False)
    endings.add(2, wrote=True)
    assert not endings.settle()
    assert database.requested == [2]
    database.available = True
    assert endings.settle()
    assert endings.count() == 1
    endings.close()
    assert endings.count() == 0


def test_no_request_is_sent_without_transactions_to_end(database: Database, endings: Endings) -> None:
    assert endings.settle()
    assert database.requested == []


def test_a_change_waits_for_a_bounded_time(database: Database) -> None:
    endings = Endings(database.end, threaded=False)
    endings.add(1, wrote=True)
    endings.settle()
    assert database.shortest_time <= 1.5


def test_a_transaction_that_cannot_be_ended_does_not_delay_others() -> None:
    ended: list[int] = []

    def end(txid: int) -> bool:
        if txid != 1:
            ended.append(txid)
        return txid != 1

    endings = Endings(end, threaded=False)
    for txid in (1, 2, 3):
        endings.add(txid, wrote=True)
    for _ in range(2):
        endings.once()
    assert ended == [2, 3]
    assert endings.count() == 1
    endings.close()


def test_the_number_of_transactions_to_end_is_bounded(
    database: Database, endings: Endings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_WAITING", 10)
    for txid in range(100):
        endings.add(txid, wrote=False)
    assert endings.count() == 10


def test_many_threads_add_and_settle_at_the_same_time(database: Database, endings: Endings) -> None:
    database.available = True
    forgotten: list[int] = []

    def add_and_settle(first: int) -> None:
        for txid in range(first, first + 100):
            endings.add(txid, wrote=True, forget=lambda txid=txid: forgotten.append(txid))  # type: ignore[misc]
            endings.settle()

    threads = [threading.Thread(target=add_and_settle, args=(first * 100,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until_all_ended(endings)
    assert sorted(forgotten) == list(range(800))


def test_the_pause_between_attempts_grows_to_a_second(database: Database) -> None:
    endings = Endings(database.end, threaded=False)
    endings.add(1, wrote=True)
    pauses = [endings.once() for _ in range(8)]
    assert pauses[-1] == 1.0
    database.available = True
    assert endings.once() is None


def test_try_until_ends_with_a_success_or_after_its_time() -> None:
    outcomes = iter([False, False, True])
    assert try_until(lambda: next(outcomes), 30)
    assert not try_until(lambda: False, 0.0)
