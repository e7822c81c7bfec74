from pathlib import Path

from client.local.processes.room import has_room
from tests.support.processes.small_disk import required_disk


def test_the_check_of_a_folder_with_room_leaves_no_file(tmp_path: Path) -> None:
    assert has_room(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_has_no_room(tmp_path: Path) -> None:
    assert not has_room(tmp_path / "missing")


def test_a_full_disk_has_no_room_until_it_is_freed(tmp_path: Path) -> None:
    with required_disk(tmp_path / "disk", 16) as disk:
        disk.fill()
        assert not has_room(disk.folder)
        disk.free()
        assert has_room(disk.folder)
