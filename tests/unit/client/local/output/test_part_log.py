import time
from pathlib import Path

import pytest

from client.local.output.part_log import Log, parse


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"level": "warning", "message": "low"}', ("warning", "low")),
        (
            '{"level": "error", "message": "bad", "exception": "Traceback\\n  x\\nValueError: 7"}',
            ("error", "bad: ValueError: 7"),
        ),
        ('{"level": "error", "message": "bad", "code": 7}', ("error", "bad: code 7")),
        ('{"level": "info", "message": "ERROR is a word"}', ("", "ERROR is a word")),
        ("{not json", ("", "{not json")),
        ("[1]", ("", "[1]")),
        ("2024-01-01 WARNING media: low", ("warning", "2024-01-01 WARNING media: low")),
        ("E1121 03:44:49.65 worker.go:514 gone", ("error", "E1121 03:44:49.65 worker.go:514 gone")),
        ("I1121 03:44:48.33 master.go:400 fine", ("", "I1121 03:44:48.33 master.go:400 fine")),
        ("W1121 03:44:48.33 its own affair", ("", "W1121 03:44:48.33 its own affair")),
    ],
)
def test_a_line_has_a_level_and_a_message(line: str, expected: tuple[str, str]) -> None:
    assert parse(line) == expected


def test_the_file_has_all_lines_and_the_terminal_only_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Log("media", tmp_path / "media.log")
    for level in ("info", "warning", "error"):
        log.add_line(f'{{"level": "{level}", "message": "an {level}"}}')
    log.close()

    assert len((tmp_path / "media.log").read_text().splitlines()) == 3
    assert capsys.readouterr().err == "media: error: an error\n"


def test_warnings_are_shown_once_the_part_serves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = Log("media", tmp_path / "media.log")
    log.waiting = False
    log.add_line('{"level": "warning", "message": "low"}')
    log.close()

    assert capsys.readouterr().err == "media: warning: low\n"


def test_lines_that_differ_only_in_numbers_are_shown_once_a_minute(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log("media", tmp_path / "media.log")
    for number in range(50):
        log.add_line(f'{{"level": "error", "message": "full", "pause": {number}.5}}')
    log.add_line('{"level": "error", "message": "other"}')
    assert capsys.readouterr().err == "media: error: full: pause 0.5\nmedia: error: other\n"
    later = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: later)
    log.add_line('{"level": "error", "message": "full", "pause": 99}')
    log.close()

    assert capsys.readouterr().err == "media: error: full: pause 99\n"
    assert len((tmp_path / "media.log").read_text().splitlines()) == 52


def test_the_number_of_remembered_lines_is_bounded(tmp_path: Path) -> None:
    log = Log("media", tmp_path / "media.log")
    for letter in range(1000):
        log.add_line(f'{{"level": "error", "message": "{chr(200 + letter)}"}}')
    log.close()

    assert len(log._shown_at) <= 101  # noqa: SLF001


def test_the_last_message_has_no_name_of_the_part(tmp_path: Path) -> None:
    log = Log("media", tmp_path / "media.log")
    log.add_line("tams media: unknown setting TAMS_MEDIA_PROT")
    log.add_line("")
    log.close()

    assert log.refused
    assert log.last_message == "unknown setting TAMS_MEDIA_PROT"


def test_the_size_of_the_log_is_bounded(tmp_path: Path) -> None:
    log = Log("media", tmp_path / "media.log")
    for _ in range(12):
        log.add_line("x" * 1024 * 1024)
    log.close()

    kept = list(tmp_path.iterdir())
    assert len(kept) == 2
    assert sum(file.stat().st_size for file in kept) <= 11 * 1024 * 1024
