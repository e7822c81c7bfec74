import subprocess
import sys
from pathlib import Path

import pytest

from services.shared.errors import StartupError
from services.shared.vast.journal import Journal, end_abandoned

LARGEST = 2**64 - 1
# A process that notes transactions and is killed.
KILLED = """
import os, pathlib, sys
from services.shared.vast.journal import Journal
journal = Journal(pathlib.Path(sys.argv[1]))
places = [journal.begun(txid) for txid in map(int, sys.argv[2:])]
journal.ended(places[1])
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def ended() -> list[int]:
    return []


def killed(folder: Path, *txids: int) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder), *map(str, txids)], check=False)
    assert done.returncode == -9


def test_what_a_killed_process_left_open_is_ended_once(tmp_path: Path, ended: list[int]) -> None:
    def end(txid: int) -> bool:
        ended.append(txid)
        return True

    killed(tmp_path, 7, 8, LARGEST)
    journal = Journal(tmp_path)
    journal.begun(9)
    assert end_abandoned(tmp_path, end) == 2
    assert ended == [7, LARGEST]
    assert end_abandoned(tmp_path, end) == 0
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_ended_yet_is_tried_again(tmp_path: Path) -> None:
    killed(tmp_path, 1, 2, 3)
    assert end_abandoned(tmp_path, lambda txid: txid == 3) == 1
    assert end_abandoned(tmp_path, lambda _: True) == 2
    assert list(tmp_path.iterdir()) == []


def test_places_are_used_again_and_more_transactions_than_places_go_unnoted(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    places = [journal.begun(txid) for txid in range(1, 1000)]
    noted = [place for place in places if place is not None]
    assert len(noted) == len(set(noted)) == 512
    for place in places:
        journal.ended(place)
    assert journal.begun(5) is not None
    (path,) = tmp_path.iterdir()
    assert path.read_bytes().strip(b"\0") == b"\5"
    journal.close()


@pytest.mark.parametrize("content", [b"", b"\1\0\0", b"\0" * 8])
def test_a_file_that_was_hardly_begun_is_removed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.transactions").write_bytes(content)
    assert end_abandoned(tmp_path, lambda _: False) == 0
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    assert end_abandoned(tmp_path, lambda _: True) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StartupError, match=r"cannot note open transactions in .*file/folder"):
        Journal(tmp_path / "file" / "folder")
