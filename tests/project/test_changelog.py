"""Checks that CHANGELOG names every route and setting, singly or by its family."""

import json
import re

import pytest

from docs.generate_settings import DEPLOYABLES, PAGE
from gateway.openapi.document import openapi_json
from tests.support.project.repository import ROOT

OPERATIONS = json.loads(openapi_json(""))["paths"]
QUOTED = re.findall(r"`([^`\n]+)`", (ROOT / "CHANGELOG.md").read_text("utf-8"))
NAMED_ROUTES = [text.removeprefix("GET ") for text in QUOTED if text.startswith(("/", "GET /"))]
NAMED_SETTINGS = [text for text in QUOTED if text.startswith("TAMS_")]
SETTINGS = sorted(set(re.findall(r"\bTAMS_[A-Z0-9_]+", PAGE.read_text("utf-8"))))


def names(text: str, name: str) -> bool:
    """Whether a text names a route or setting; * and … in the text stand for anything."""
    return re.fullmatch(".*".join(map(re.escape, re.split(r"[*…]", text))), name) is not None


@pytest.mark.parametrize("path", OPERATIONS)
def test_every_route_is_named(path: str) -> None:
    assert any(names(text, path) for text in NAMED_ROUTES)


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_is_named(setting: str) -> None:
    assert any(names(text, setting) for text in NAMED_SETTINGS)


def test_named_routes_and_settings_exist() -> None:
    assert [text for text in NAMED_ROUTES if not any(names(text, path) for path in OPERATIONS)] == []
    assert [text for text in NAMED_SETTINGS if not any(names(text, setting) for setting in SETTINGS)] == []


def test_a_family_does_not_name_all_settings_of_a_process() -> None:
    """A family such as `TAMS_MEDIA_*` or `/x/admin/…` would also name all future settings or routes."""
    processes = {"TAMS", *(name.upper() for name in DEPLOYABLES), "*"}
    assert [text for text in NAMED_SETTINGS if set(text.split("_")) <= processes] == []
    assert {"/…", "/x…", "/x/…", "/x/admin…", "/x/admin/…"}.isdisjoint(NAMED_ROUTES)
