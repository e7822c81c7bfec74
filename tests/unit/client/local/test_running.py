from pathlib import Path

import pytest

from client.local import running
from client.local.errors import CannotRun

URLS = {"gateway": "http://127.0.0.1:22000/metrics"}


def test_the_note_tells_where_a_store_runs_and_no_secret(tmp_path: Path) -> None:
    env = {"TAMS_LOG_LEVEL": "debug", "TAMS_AUTH_SERVICE_SECRET": "planted", "HOME": "/root"}
    running.write(tmp_path, 7, "http://127.0.0.1:8000", URLS, env)

    assert running.read(tmp_path) == running.Running(
        7, "http://127.0.0.1:8000", URLS, {"TAMS_LOG_LEVEL": "debug"}
    )
    assert "planted" not in (tmp_path / "running.json").read_text()


def test_a_store_that_has_ended_left_no_note(tmp_path: Path) -> None:
    running.write(tmp_path, 7, "http://127.0.0.1:8000", URLS, {})
    running.remove(tmp_path)
    running.remove(tmp_path)

    assert running.read(tmp_path) is None
    assert running.read(tmp_path / "missing") is None


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"pid": "x"}', b"\xff"])
def test_a_note_of_another_form_is_an_error(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "running.json").write_bytes(text)

    with pytest.raises(CannotRun, match="is not the note of a store"):
        running.read(tmp_path)
