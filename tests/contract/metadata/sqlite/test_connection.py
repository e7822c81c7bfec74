"""The memory of the connections, with a real file."""

from contextlib import closing
from pathlib import Path

import pytest

from services.metadata.adapters.sqlite.file.connection import CACHE_MIB, open_writer
from services.metadata.adapters.sqlite.file.survey import log_path

MIB = 1024 * 1024


@pytest.mark.parametrize("is_new", [True, False])
def test_the_writer_keeps_changed_pages_up_to_its_cache(tmp_path: Path, is_new: bool) -> None:
    path = tmp_path / "tables.db"
    if not is_new:
        open_writer(path, "NORMAL").close()
    with closing(open_writer(path, "NORMAL")) as connection:
        before = log_path(path).stat().st_size
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE filled (content BLOB)")
        connection.execute("INSERT INTO filled VALUES (zeroblob(?))", (int(0.8 * CACHE_MIB * MIB),))
        assert log_path(path).stat().st_size == before
        # Pages for which the cache has no room go into the log before the commit.
        connection.execute("INSERT INTO filled VALUES (zeroblob(?))", (int(0.4 * CACHE_MIB * MIB),))
        assert log_path(path).stat().st_size > before
        connection.execute("ROLLBACK")
