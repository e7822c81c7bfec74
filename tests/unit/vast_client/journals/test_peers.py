from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.vast_client.journals.abandoned import Abandoned
from services.vast_client.journals.journal import Journal, State
from services.vast_client.journals.peers import LOOKS, Peers
from tests.unit.vast_client.journals.test_journal import kill_process_with


class Database:
    """Records the transactions that are ended."""

    def __init__(self) -> None:
        self.ended: list[int] = []
        self.available = True

    def end(self, txid: int) -> bool:
        self.ended.append(txid)
        return self.available


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def adopted() -> list[Abandoned]:
    return []


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Journal]:
    """The journal of another process, which beats only if the test says so."""
    journal = Journal(tmp_path, threaded=False)
    yield journal
    journal.close()


@pytest.fixture
def peers(tmp_path: Path, database: Database, adopted: list[Abandoned]) -> Iterator[Peers]:
    own = Journal(tmp_path, threaded=False)
    own.mark(own.add(99), State.GIVEN_UP)
    yield Peers(own, database.end, adopted.extend, threaded=False)
    own.close()


def look(peers: Peers, count: int = LOOKS, between: Callable[[], object] = lambda: None) -> None:
    """Let a process that keeps losing look so often."""
    for _ in range(count):
        peers.suspect()
        assert peers.once() is not None
        between()


def test_transactions_that_wrote_are_ended_when_their_process_hangs(
    peers: Peers, other: Journal, database: Database
) -> None:
    other.mark(other.add(7), State.WROTE)
    other.add(8)
    look(peers, LOOKS - 1)
    assert database.ended == []
    look(peers)
    assert database.ended == [7]


def test_transactions_of_a_process_that_runs_are_left_alone(
    peers: Peers, other: Journal, database: Database
) -> None:
    other.mark(other.add(7), State.WROTE)
    look(peers, 3 * LOOKS, other.beat)
    assert database.ended == []


def test_new_transactions_of_a_process_are_not_taken_for_old_ones(
    peers: Peers, other: Journal, database: Database
) -> None:
    places: list[int | None] = [None]

    def next_transaction() -> None:
        other.remove(places.pop())
        places.append(other.add(next(txids)))
        other.mark(places[0], State.WROTE)

    txids = iter(range(100, 200))
    look(peers, 3 * LOOKS, next_transaction)
    assert database.ended == []


def test_transactions_that_were_given_up_are_ended_at_once(
    peers: Peers, other: Journal, database: Database
) -> None:
    other.mark(other.add(7), State.GIVEN_UP)
    database.available = False
    look(peers, 1, other.beat)
    database.available = True
    look(peers, 3, other.beat)
    assert database.ended == [7, 7]


def test_it_looks_only_while_rows_are_lost(peers: Peers, other: Journal, database: Database) -> None:
    other.mark(other.add(7), State.WROTE)
    look(peers, LOOKS - 1)
    assert peers.once() is None
    look(peers, LOOKS - 1)
    assert database.ended == []


def test_journals_of_killed_processes_are_adopted(
    peers: Peers, adopted: list[Abandoned], tmp_path: Path, database: Database
) -> None:
    kill_process_with(tmp_path, 5, 6, 7)
    look(peers, LOOKS)
    (found,) = adopted
    assert (found.txids, database.ended) == ([5, 7], [])
    found.close()
