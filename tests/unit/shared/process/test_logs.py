import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.shared.process import logs


def log_line(
    level: int = logging.INFO, message: object = "hello", *args: object, **extra: Any
) -> dict[str, Any]:
    record = logging.getLogger("tams.test").makeRecord(
        "tams.test", level, __file__, 1, message, args, extra.pop("exc_info", None), extra=extra
    )
    formatted = logs.JsonFormatter("metadata").format(record)
    assert "\n" not in formatted
    parsed: dict[str, Any] = json.loads(formatted)
    return parsed


def test_a_line_has_time_level_service_logger_and_message() -> None:
    line = log_line(logging.WARNING, "%d flows", 3)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "warning", "service": "metadata", "logger": "tams.test", "message": "3 flows",
    }  # fmt: skip


def test_extra_values_are_members_of_the_line() -> None:
    line = log_line(method="/tams/Get", ms=1.25, path=Path("/data"), odd={1})
    assert (line["method"], line["ms"], line["path"]) == ("/tams/Get", 1.25, "/data")


def test_lines_written_during_a_request_have_its_id() -> None:
    token = logs.request_id.set("abc")
    try:
        assert log_line()["request_id"] == "abc"
    finally:
        logs.request_id.reset(token)
    assert "request_id" not in log_line()


def test_the_traceback_of_an_exception_is_on_its_line() -> None:
    try:
        raise ValueError("odd")
    except ValueError:
        line = log_line(logging.ERROR, "failed", exc_info=sys.exc_info())
    assert "Traceback" in line["exception"]
    assert "ValueError: odd" in line["exception"]


@pytest.mark.parametrize("message", ["two\nlines", "\x00", "\udcff", '"', "\u2028"])
def test_a_message_of_any_text_is_a_single_line(message: str) -> None:
    assert log_line(message=message, extra_text=message)["level"] == "info"


@pytest.mark.parametrize(("form", "is_json"), [("json", True), ("text", False), ("auto", True)])
def test_the_format_is_as_configured(
    form: logs.Format, is_json: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.root, "level", logging.WARNING)
    logs.configure("media", "info", form)
    logging.getLogger("tams.test").info("hello")
    logging.getLogger("tams.test").debug("quiet")
    (written,) = capsys.readouterr().err.splitlines()
    assert written.startswith("{") == is_json
    assert "media" in written
    assert "hello" in written


def test_text_has_the_fields_of_a_line() -> None:
    record = logging.getLogger("tams.test").makeRecord(
        "tams.test", logging.INFO, __file__, 1, "served", (), None,
        extra={"path": "/flows", "ms": 1.25, "reason": "a\x1b[2J b", "empty": ""},
    )  # fmt: skip
    line = logs.TextFormatter("gateway").format(record)
    assert line.endswith(r'INFO gateway: served path=/flows ms=1.25 reason="a\u001b[2J b" empty=""')


@pytest.mark.parametrize("library", ["botocore.auth", "urllib3.connectionpool", "httpcore.connection"])
def test_libraries_do_not_write_their_requests(
    library: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.root, "level", logging.WARNING)
    logs.configure("media", "debug", "json")
    logging.getLogger(library).debug("Authorization: planted")
    logging.getLogger(library).warning("a fault")
    logging.getLogger("services.media").debug("our own")
    err = capsys.readouterr().err
    assert ("planted" in err, "a fault" in err, "our own" in err) == (False, True, True)


@pytest.fixture
def root_level() -> Iterator[None]:
    before = logging.root.level
    yield
    logs.set_levels("info")
    logging.root.setLevel(before)


def test_single_loggers_have_levels_of_their_own_until_they_are_not_named_any_more(root_level: None) -> None:
    logging.getLogger("tams.quiet").setLevel(logging.CRITICAL)
    logs.set_levels("warning", "tams.loud=debug, tams.quiet=info")
    names = ("tams.loud.part", "tams.quiet", "x")
    heard = [logging.getLogger(name).getEffectiveLevel() for name in names]
    assert heard == [logging.DEBUG, logging.INFO, logging.WARNING]
    logs.set_levels("error")
    assert logging.getLogger("tams.loud.part").getEffectiveLevel() == logging.ERROR
    assert logging.getLogger("tams.quiet").level == logging.CRITICAL


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("services", "write logger=level"),
        ("services=loud", "write logger=level"),
        ("a b=info", "write logger=level"),
        ("root=debug", "has a setting of its own"),
        ("botocore.auth=debug", "show signatures"),
        ("services=info,urllib3=debug", "show signatures"),
    ],
)
def test_levels_that_mean_nothing_or_would_show_credentials_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        logs.levels_of(text)
