import tarfile
from pathlib import Path

import pytest

from client.support import bundle
from client.support.bundle import Bundle
from client.support.logs import MAX_BYTES, last_lines
from client.support.scrubbing import Scrubber


def contents(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        return {
            entry.name.removeprefix("tams-support/"): file.read().decode()
            for entry in archive
            if (file := archive.extractfile(entry)) is not None
        }


def test_a_bundle_has_its_texts_without_secrets_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar.gz"
    with Bundle(path, Scrubber(["the-secret"])) as written:
        written.add("a.txt", "with the-secret in it")
        written.add("of-the-secret.json", {"name": "the-secret", "number": 1})

    assert contents(path) == {
        "a.txt": "with [removed] in it",
        "of-[removed].json": '{\n  "name": "[removed]",\n  "number": 1\n}\n',
    }
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_exists_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar.gz"
    path.write_text("of someone else")
    with pytest.raises(FileExistsError):
        Bundle(path, Scrubber([]))
    assert path.read_text() == "of someone else"


def test_an_interrupted_bundle_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar.gz"
    with pytest.raises(KeyboardInterrupt), Bundle(path, Scrubber([])):
        raise KeyboardInterrupt
    assert not path.exists()


def test_a_bundle_has_a_largest_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_BYTES", 100)
    path = tmp_path / "bundle.tar.gz"
    with Bundle(path, Scrubber([])) as written:
        written.add("small", "a" * 50)
        written.add("large", "b" * 60)
    assert contents(path) == {"small": "a" * 50, "large": "left out: the bundle is full\n"}


def test_of_a_long_log_the_last_whole_lines_are_kept(tmp_path: Path) -> None:
    lines = [f"line {number}\n" for number in range(MAX_BYTES // 8)]
    (tmp_path / "gateway.log").write_text("".join(lines))
    (tmp_path / "media.log").write_text("one\ntwo\n")
    (tmp_path / "other.txt").write_text("not a log")

    found = last_lines(tmp_path)

    assert set(found) == {"gateway.log", "media.log"}
    assert found["media.log"] == "one\ntwo\n"
    kept = found["gateway.log"].splitlines(keepends=True)
    assert 0 < len(found["gateway.log"]) <= MAX_BYTES
    assert kept == lines[-len(kept) :]
