import hashlib
import os
from pathlib import Path

import pytest

from client.api.files import OpenFile

# More than one chunk.
CONTENT = bytes(range(256)) * 10_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    return file


async def test_a_piece_is_read_as_often_as_it_is_sent(path: Path) -> None:
    sent: list[int] = []
    with OpenFile(path) as file:
        piece = file.piece(100, 2_000_000, sent.append)
        for _ in range(2):
            assert b"".join([data async for data in piece]) == CONTENT[100:2_000_100]
        assert await piece.md5() == hashlib.md5(CONTENT[100:2_000_100], usedforsecurity=False).hexdigest()
    assert sent[0] == 0
    assert sent[-1] == 2_000_000


async def test_a_file_that_becomes_shorter_is_an_error(path: Path) -> None:
    with OpenFile(path) as file:
        piece = file.piece(0, file.size, lambda _sent: None)
        os.truncate(path, 10)
        with pytest.raises(OSError, match="changed while it was read"):
            _ = [data async for data in piece]


def test_a_file_that_changes_is_an_error(path: Path) -> None:
    with OpenFile(path) as file:
        file.check_unchanged()
        path.write_bytes(CONTENT + b"more")
        with pytest.raises(OSError, match="changed while it was read"):
            file.check_unchanged()


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for other in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(OSError, match="not a regular file"):
            OpenFile(other)
