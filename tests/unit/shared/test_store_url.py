from pathlib import Path

import pytest

from services.shared.errors import StartupError
from services.shared.store_url import sqlite_path


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///tams.db", "tams.db"),
        ("sqlite:///data/tams.db", "data/tams.db"),
        ("sqlite:////data/a b.db", "/data/a b.db"),
    ],
)
def test_sqlite_urls_name_a_file(url: str, path: str) -> None:
    assert sqlite_path(url) == Path(path)


@pytest.mark.parametrize(
    "url", ["", "sqlite:///", "sqlite:///data/", "sqlite://tams.db", "tams.db", "vast://host"]
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(StartupError, match="sqlite:///path"):
        sqlite_path(url)
