"""`tams backup` on a database file, in processes of the service as its users run it."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.metadata.adapters.sqlite.store import open_store

Tams = Callable[..., Any]


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a stopped local store."""

    async def make() -> None:
        async with open_store(tmp_path / "data" / "tams.db", "NORMAL", 10):
            pass

    asyncio.run(make())
    monkeypatch.setenv("TAMS_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def test_tables_are_backed_up_and_restored(tams: Tams, data_dir: Path, tmp_path: Path) -> None:
    backup = str(tmp_path / "backup")
    made = tams("backup", "create", backup)
    assert (made.code, made.err.splitlines()[-1]) == (0, f"backed up to {backup}")
    assert "store" in made.out
    found = tams("backup", "check", backup, "--json").json
    manifest = json.loads((tmp_path / "backup" / "manifest.json").read_text())
    assert found == {name: manifest[name] for name in ("engine", "schema_version", "created", "tables")}
    for path in data_dir.iterdir():
        path.unlink()
    restored = tams("backup", "restore", backup)
    assert (restored.code, restored.err.splitlines()[-1]) == (0, f"restored from {backup}")
    assert (data_dir / "tams.db").is_file()


def test_a_refusal_is_one_line(tams: Tams, data_dir: Path, tmp_path: Path) -> None:
    refused = tams("backup", "restore", str(tmp_path / "missing"))
    assert (refused.code, refused.out) == (1, "")
    reason = "is not a backup: cannot read manifest.json: No such file or directory"
    assert refused.err == f"tams: {tmp_path / 'missing'} {reason}\n"


def test_only_tables_on_vast_have_snapshots(tams: Tams, data_dir: Path, tmp_path: Path) -> None:
    refused = tams("backup", "create", str(tmp_path / "backup"), "--snapshot", "nightly")
    assert (refused.code, refused.err) == (1, "tams: only tables on VAST have snapshots\n")
    assert not (tmp_path / "backup").exists()


def test_an_unknown_setting_is_refused(tams: Tams, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TAMS_STORE_ULR", "sqlite:///x.db")
    refused = tams("backup", "create", str(tmp_path / "backup"))
    assert refused.code == 1
    assert "unknown setting TAMS_STORE_ULR" in refused.err
