import os
from pathlib import Path

from services.shared.watched_files import WatchedFiles


def test_an_unchanged_file_has_not_changed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("one")
    watched = WatchedFiles([str(file)])
    assert not watched.have_changed()
    assert file.read_text() == "one"
    assert not watched.have_changed()


def test_a_file_with_other_content_has_changed_once(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("one")
    watched = WatchedFiles([str(file)])
    file.write_text("two, and longer")
    assert watched.have_changed()
    assert not watched.have_changed()


def test_a_replaced_file_of_the_same_size_and_time_has_changed(tmp_path: Path) -> None:
    file, other = tmp_path / "file", tmp_path / "other"
    for path in (file, other):
        path.write_text("same")
        os.utime(path, ns=(1, 1))
    watched = WatchedFiles([str(file)])
    other.replace(file)
    assert watched.have_changed()


def test_a_link_to_another_file_has_changed(tmp_path: Path) -> None:
    """Kubernetes replaces mounted secrets like that."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("same")
        os.utime(tmp_path / name / "file", ns=(1, 1))
    link = tmp_path / "now"
    link.symlink_to("one")
    watched = WatchedFiles([str(link / "file")])
    (tmp_path / "fresh").symlink_to("two")
    (tmp_path / "fresh").replace(link)
    assert watched.have_changed()


def test_a_file_that_appears_or_disappears_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    watched = WatchedFiles([str(file)])
    assert not watched.have_changed()
    file.write_text("")
    assert watched.have_changed()
    file.unlink()
    assert watched.have_changed()
