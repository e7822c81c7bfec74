"""Checks the dashboards: they are up to date, Grafana knows their members, and their queries are PromQL."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from k8s.monitoring.generate_dashboards import dashboards
from tests.support.monitoring.definitions import DASHBOARDS, MONITORING, expressions, panels, recorded
from tests.support.monitoring.promql import selectors

COLUMNS = 24


def board(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded


def unknown(given: object, known: object, place: str = "") -> Iterator[str]:
    """The places of members that Grafana's own types dropped or changed."""
    if isinstance(given, dict):
        for name, value in given.items():
            held = known.get(name) if isinstance(known, dict) else None
            yield from unknown(value, held, f"{place}.{name}")
    elif isinstance(given, list):
        held = known if isinstance(known, list) else []
        for number, value in enumerate(given):
            yield from unknown(value, held[number] if number < len(held) else None, f"{place}[{number}]")
    elif given != known:
        yield place


def read_by_grafana(board: dict[str, Any]) -> object:
    register_default_plugins()
    return json.loads(JSONEncoder().encode(Dashboard.from_json(board)))


def test_the_dashboards_are_up_to_date() -> None:
    written = {path.name: path.read_text("utf-8") for path in DASHBOARDS}
    up_to_date = written == dict(dashboards())
    assert up_to_date, "run make dashboards"


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: str(path.stem))
def test_grafana_knows_every_member_of_a_dashboard(path: Path) -> None:
    assert list(unknown(board(path), read_by_grafana(board(path)))) == []


def test_a_misspelled_member_is_found() -> None:
    first = board(DASHBOARDS[0])
    first["panels"][1]["targets"][0]["exprr"] = "up"
    assert list(unknown(first, read_by_grafana(first))) == [".panels[1].targets[0].exprr"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: str(path.stem))
def test_panels_have_their_own_number_and_place(path: Path) -> None:
    places = [panel["gridPos"] for panel in board(path)["panels"]]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < COLUMNS
    numbers = [panel["id"] for panel in board(path)["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_dashboards_have_names_of_their_own() -> None:
    assert len({board(path)["uid"] for path in DASHBOARDS}) == len(DASHBOARDS)
    assert len({board(path)["title"] for path in DASHBOARDS}) == len(DASHBOARDS)


def test_each_query_is_for_the_chosen_store() -> None:
    for expression in expressions():
        if ": " not in expression.place:
            continue
        for selector in selectors(expression.query):
            labels = {"namespace"} if selector.metric in recorded() else {"job", "namespace"}
            if selector.metric != "tams:slo_budget:ratio":
                assert labels <= selector.labels, expression


def test_panels_of_one_dashboard_have_different_titles() -> None:
    for path in DASHBOARDS:
        titles = [(panel["title"], panel["type"]) for panel in panels(path)]
        assert len(set(titles)) == len(titles), path.name


def test_each_description_has_its_dashboard() -> None:
    sources = sorted(path.stem for path in (MONITORING / "panels").glob("*.yaml"))
    assert sources == [path.stem for path in DASHBOARDS]
