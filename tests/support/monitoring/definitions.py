"""The rules and dashboards of k8s/monitoring, for tests that compare them with the code and the pages."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.support.project.repository import ROOT, documents

MONITORING: Final = ROOT / "k8s" / "monitoring"
RULES: Final = sorted((MONITORING / "rules").glob("*.yaml"))
DASHBOARDS: Final = sorted((MONITORING / "dashboards").glob("*.json"))


class Expression(NamedTuple):
    """PromQL, and the name of the rule or panel that has it."""

    place: str
    query: str


@cache
def rules(*paths: Path) -> list[dict[str, Any]]:
    """Each rule of the files; of all files, if none is given."""
    groups = [group for document in documents(*(paths or RULES)) for group in document["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """The alerts by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def recorded() -> set[str]:
    """The metrics that rules record."""
    return {rule["record"] for rule in rules() if "record" in rule}


def panels(path: Path) -> list[dict[str, Any]]:
    """The panels of a dashboard, without the headings of rows."""
    board = json.loads(path.read_text("utf-8"))
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[Expression]:
    """The PromQL of all rules and panels."""
    for rule in rules():
        yield Expression(rule.get("alert") or rule["record"], rule["expr"])
    for path in DASHBOARDS:
        for panel in panels(path):
            for target in panel.get("targets", ()):
                yield Expression(f"{path.stem}: {panel['title']}", target["expr"])
