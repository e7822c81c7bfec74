import pytest

from client.local.output import Log, read


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('{"level": "warning", "message": "low"}', ("warning", "low")),
        ('{"level": "error", "message": "bad", "exception": "..."}', ("error", "bad")),
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
def test_reads_level_and_message_of_a_line(line, found):
    assert read(line) == found


def test_the_file_keeps_every_line_and_the_terminal_sees_errors(tmp_path, capsys):
    log = Log("media", tmp_path / "media.log")
    for level in ("info", "warning", "error"):
        log.hear(f'{{"level": "{level}", "message": "an {level}"}}')
    log.close()

    assert len((tmp_path / "media.log").read_text().splitlines()) == 3
    assert capsys.readouterr().err == "media: error: an error\n"


def test_warnings_are_shown_once_the_part_serves(tmp_path, capsys):
    log = Log("media", tmp_path / "media.log")
    log.waiting = False
    log.hear('{"level": "warning", "message": "low"}')
    log.close()

    assert capsys.readouterr().err == "media: warning: low\n"


def test_last_words_say_why_without_the_parts_own_name(tmp_path):
    log = Log("media", tmp_path / "media.log")
    log.hear("tams media: unknown setting TAMS_MEDIA_PROT")
    log.hear("")
    log.close()

    assert log.last_words == "unknown setting TAMS_MEDIA_PROT"


def test_the_file_is_bounded(tmp_path):
    log = Log("media", tmp_path / "media.log")
    for _ in range(12):
        log.hear("x" * 1024 * 1024)
    log.close()

    kept = list(tmp_path.iterdir())
    assert len(kept) == 2
    assert sum(file.stat().st_size for file in kept) <= 11 * 1024 * 1024
