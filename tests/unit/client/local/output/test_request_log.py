import json
from pathlib import Path

import pytest

from client.local.output.request_log import MAX_LINES, RequestLog, readable

RECORD = {
    "time": "2026-11-30T05:00:00.123+00:00",
    "level": "info",
    "service": "gateway",
    "message": "served",
    "method": "GET",
    "path": "/flows",
    "status": 200,
    "bytes": 12,
    "ms": 3.456,
}


def test_a_request_goes_to_the_file_and_readable_to_the_terminal(tmp_path: Path) -> None:
    shown: list[str] = []
    log = RequestLog(tmp_path / "access.log", shown.append)
    line = json.dumps(RECORD)

    assert log.takes(line)
    log.close()

    assert (tmp_path / "access.log").read_text() == f"{line}\n"
    (text,) = shown
    assert text.endswith("  200       3.5 ms         12 B  GET /flows")


@pytest.mark.parametrize(
    "line", ['{"message": "other"}', "", json.dumps({"message": 'a text with "message": "served"'})]
)
def test_other_lines_are_left_to_the_log_of_the_part(tmp_path: Path, line: str) -> None:
    log = RequestLog(tmp_path / "access.log", None)
    assert not log.takes(line)
    log.close()


def test_a_terminal_gets_some_requests_of_a_second_and_the_number_of_the_others(
    tmp_path: Path,
) -> None:
    now = [10.0]
    shown: list[str] = []
    log = RequestLog(tmp_path / "access.log", shown.append, lambda: now[0])
    for _ in range(MAX_LINES + 5):
        log.takes(json.dumps(RECORD))
    assert len(shown) == MAX_LINES
    now[0] = 11.0
    log.takes(json.dumps(RECORD))
    log.close()

    assert shown[MAX_LINES] == f"… and 5 more requests; {tmp_path / 'access.log'} has them"
    assert len(shown) == MAX_LINES + 2
    assert len((tmp_path / "access.log").read_text().splitlines()) == MAX_LINES + 6


def test_a_path_cannot_move_the_cursor_of_a_terminal() -> None:
    assert readable(json.dumps(RECORD | {"path": "/\x1b[2J"})).endswith("GET /?[2J")


@pytest.mark.parametrize("line", ["", "{}", "[]", json.dumps(RECORD | {"ms": "x"})])
def test_a_line_of_another_form_is_not_shown(line: str) -> None:
    assert readable(line) == ""
