"""A process that is killed while it upgrades a database leaves it as it was."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.metadata.adapters.sqlite.file.connection import open_writer
from tests.support.tables.dumps import dump, restored


@pytest.mark.parametrize("name", ["1-first", "2-trash"])
def test_a_killed_upgrade_leaves_the_database_as_it_was(name: str, tmp_path: Path) -> None:
    database, folder = restored(name, tmp_path), tmp_path / "left"
    folder.mkdir()
    before = dump(database)
    command = [sys.executable, "-m", "tests.support.tables.killed_upgrades", str(database), str(folder)]
    subprocess.run(command, check=True, timeout=300)
    *killed, upgraded = sorted(folder.glob("*.db"))
    after = dump(upgraded)
    assert before != after
    assert {dump(path) for path in killed} == {before}
    for path in killed[::10]:
        open_writer(path, "NORMAL").close()
        assert dump(path) == after
