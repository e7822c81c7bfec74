import json
import logging
import sys
from pathlib import Path

import pytest

from services.shared import logs


def line(level: int = logging.INFO, message: object = "hello", *args: object, **extra: object) -> dict:
    record = logging.getLogger("tams.test").makeRecord(
        "tams.test", level, __file__, 1, message, args, extra.pop("exc_info", None), extra=extra
    )
    text = logs.JsonFormatter("metadata").format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_line_says_when_what_and_who():
    found = line(logging.WARNING, "%d flows", 3)
    assert found.pop("time").endswith("+00:00")
    assert found == {"level": "warning", "service": "metadata", "message": "3 flows"}


def test_extras_are_members_of_their_own():
    found = line(method="/tams/Get", ms=1.25, path=Path("/data"), odd={1})
    assert (found["method"], found["ms"], found["path"]) == ("/tams/Get", 1.25, "/data")


def test_the_request_s_id_is_on_every_line_it_caused():
    token = logs.request_id.set("abc")
    try:
        assert line()["request_id"] == "abc"
    finally:
        logs.request_id.reset(token)
    assert "request_id" not in line()


def test_exceptions_are_on_the_line():
    try:
        raise ValueError("odd")
    except ValueError:
        found = line(logging.ERROR, "failed", exc_info=sys.exc_info())
    assert "Traceback" in found["exception"]
    assert "ValueError: odd" in found["exception"]


@pytest.mark.parametrize("message", ["two\nlines", "\x00", "\udcff", '"', "\u2028"])
def test_any_text_makes_one_line(message):
    assert line(message=message, extra_text=message)["level"] == "info"


@pytest.mark.parametrize(("form", "is_json"), [("json", True), ("text", False), ("auto", True)])
def test_the_format_is_as_configured(form, is_json, capsys, monkeypatch):
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.root, "level", logging.WARNING)
    logs.configure("media", "info", form)
    logging.getLogger("tams.test").info("hello")
    logging.getLogger("tams.test").debug("quiet")
    (written,) = capsys.readouterr().err.splitlines()
    assert written.startswith("{") == is_json
    assert "media" in written
    assert "hello" in written
