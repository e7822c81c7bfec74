import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.local import runner
from client.local.errors import CannotRun


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_an_unreadable_note_of_objects_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "objects.json").mkdir()
    with pytest.raises(CannotRun, match="cannot use data directory"):
        runner.up({"TAMS_DATA_DIR": str(tmp_path)})
