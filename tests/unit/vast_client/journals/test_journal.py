import subprocess
import sys
from pathlib import Path

import pytest

from services.shared.errors import StartupError
from services.vast_client.journals.abandoned import find_abandoned
from services.vast_client.journals.journal import Journal, Note, State, read_note

LARGEST = 2**64 - 1
# A process that records transactions and is killed.
KILLED = """
import os, pathlib, sys
from services.vast_client.journals.journal import Journal
journal = Journal(pathlib.Path(sys.argv[1]))
places = [journal.add(txid) for txid in map(int, sys.argv[2:])]
journal.remove(places[1])
os.kill(os.getpid(), 9)
"""


def kill_process_with(folder: Path, *txids: int) -> None:
    finished = subprocess.run([sys.executable, "-c", KILLED, str(folder), *map(str, txids)], check=False)
    assert finished.returncode == -9


def test_transactions_of_a_killed_process_are_found_by_one_process_until_they_end(tmp_path: Path) -> None:
    kill_process_with(tmp_path, 7, 8, LARGEST)
    journal = Journal(tmp_path)
    journal.add(9)
    (abandoned,) = find_abandoned(tmp_path)
    assert abandoned.txids == [7, LARGEST]
    assert find_abandoned(tmp_path) == []
    abandoned.remove(7)
    abandoned.close()
    (remaining,) = find_abandoned(tmp_path)
    for txid in remaining.txids:
        remaining.remove(txid)
    assert find_abandoned(tmp_path) == []
    journal.remove(0)
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_transactions_that_did_not_end_are_left_to_the_next_process(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    places = [journal.add(txid) for txid in (5, 6)]
    journal.remove(places[0])
    journal.close()
    journal.remove(places[1])  # too late, as the journal is closed
    (abandoned,) = find_abandoned(tmp_path)
    assert abandoned.txids == [6]
    abandoned.remove(6)
    assert list(tmp_path.iterdir()) == []


def test_places_are_reused_and_transactions_beyond_them_are_not_recorded(tmp_path: Path) -> None:
    journal = Journal(tmp_path, threaded=False)
    places = [journal.add(txid) for txid in range(1, 1000)]
    recorded = [place for place in places if place is not None]
    assert len(recorded) == len(set(recorded)) == 512
    for place in places:
        journal.remove(place)
    assert journal.add(5) is not None
    (path,) = tmp_path.iterdir()
    assert path.read_bytes().strip(b"\0") == b"\5"
    journal.close()
    path.unlink()


def test_others_see_the_states_of_transactions_and_that_the_process_runs(tmp_path: Path) -> None:
    journal = Journal(tmp_path, threaded=False)
    assert journal.beat() is None
    place = journal.add(7)
    journal.add(LARGEST)
    journal.mark(place, State.WROTE)
    before = read_note(journal.path)
    assert before.states == {7: State.WROTE, LARGEST: State.READING}
    assert journal.beat() is not None
    assert read_note(journal.path) == Note(before.states, before.beat + 1)
    journal.remove(place)
    assert read_note(journal.path).states == {LARGEST: State.READING}
    journal.close()
    (found,) = find_abandoned(tmp_path)
    assert found.txids == [LARGEST]
    found.close()


def test_a_journal_of_an_earlier_version_has_no_states(tmp_path: Path) -> None:
    path = tmp_path / "x.transactions"
    path.write_bytes((5).to_bytes(8, "little") + bytes(4088))
    assert read_note(path).states == {}
    (found,) = find_abandoned(tmp_path)
    assert found.txids == [5]
    found.close()


@pytest.mark.parametrize("content", [b"", b"\1\0\0", b"\0" * 8])
def test_an_incomplete_file_is_removed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.transactions").write_bytes(content)
    assert find_abandoned(tmp_path)[0].txids == []
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    assert find_abandoned(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StartupError, match=r"cannot note open transactions in .*file/folder"):
        Journal(tmp_path / "file" / "folder")
