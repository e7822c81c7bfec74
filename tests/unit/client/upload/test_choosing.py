from pathlib import Path

from client.upload import chosen


def test_files_of_folders_are_chosen_by_extension_and_none_twice(tmp_path: Path) -> None:
    for name in ("b.MP4", "a.mov", "c.txt", ".hidden.mp4", "deep/d.mp4", ".git/e.mp4", "other.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere")

    def names(paths: list[Path], *extensions: str) -> list[str]:
        return [str(path.relative_to(tmp_path)) for path in chosen(paths, extensions)]

    assert names([tmp_path], "mp4", ".MOV") == ["a.mov", "b.MP4", "deep/d.mp4"]
    assert names([tmp_path]) == ["a.mov", "b.MP4", "c.txt", "other.bin", "deep/d.mp4"]
    # A file that is named is taken, whatever its extension.
    assert names([tmp_path / "c.txt", tmp_path / "deep", tmp_path / "deep/d.mp4"], "mp4") == [
        "c.txt",
        "deep/d.mp4",
    ]
