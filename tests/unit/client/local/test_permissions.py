import os
from pathlib import Path

import pytest

from client.local.permissions import OWN, tighten
from client.local.settings import LocalSettings


def modes(root: Path) -> dict[str, int]:
    return {
        path.relative_to(root).as_posix(): path.lstat().st_mode & 0o777
        for path in (root, *root.rglob("*"))
        if not path.is_symlink()
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data directory of an older version, open to all users."""
    folder = tmp_path / "data"
    for name in ("logs", "objects/volumes", "secrets"):
        (folder / name).mkdir(parents=True)
    for name in ("tams.db", "tams.db-wal", "ports.json", "storage.json", "logs/a.log", "objects/volumes/1"):
        (folder / name).write_text("x")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def test_the_files_of_a_store_are_closed_to_other_users(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tighten(root, "tams.db")

    folders = {".", "logs", "objects", "objects/volumes", "secrets"}
    modes_by_name = modes(root)
    assert {name for name, mode in modes_by_name.items() if mode == 0o700} == folders
    assert {mode for name, mode in modes_by_name.items() if name not in folders} == {0o600}
    assert capsys.readouterr().err == ""


def test_files_that_do_not_belong_to_a_store_are_not_changed(
    root: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("x")
    outside.chmod(0o644)
    (root / "logs" / "link").symlink_to(outside)
    (root / "letters").mkdir(mode=0o755)
    tighten(root, "tams.db")

    modes_by_name = modes(root)
    assert (modes_by_name["."], modes_by_name["letters"], modes_by_name["tams.db"]) == (0o755, 0o755, 0o600)
    assert outside.stat().st_mode & 0o777 == 0o644
    assert f"data directory {root} is open to other users" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_folder_of_another_owner_is_reported_and_not_changed(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.chown(root, 12345, -1)
    os.chown(root / "ports.json", 12345, -1)
    # Only the owner of the files matters.
    os.seteuid(0)
    tighten(root, "tams.db")

    modes_by_name = modes(root)
    assert (modes_by_name["."], modes_by_name["ports.json"], modes_by_name["storage.json"]) == (
        0o755,
        0o644,
        0o600,
    )
    assert "has another owner" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("", "tams.db"),
        ("sqlite:////elsewhere/my.db", "my.db"),
        ("vast://a:1/b/c", "tams.db"),
    ],
)
def test_the_name_of_the_database_is_read_from_its_setting(url: str, name: str) -> None:
    assert LocalSettings.from_env({"TAMS_STORE_URL": url}).database == name


def test_the_names_include_those_of_the_data_directory() -> None:
    assert {"lock", "ports.json", "storage.json", "objects.json", "logs", "objects", "secrets"} <= set(OWN)
