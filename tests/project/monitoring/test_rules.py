"""Checks the alert rules: by Prometheus's own tool, and against the runbook."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.monitoring.definitions import RULES, alerts, recorded, rules
from tests.support.monitoring.promql import selectors
from tests.support.processes.programs import needed
from tests.support.project.repository import ROOT, documents

CASES: Final = sorted((Path(__file__).parent / "rules").glob("*.yaml"))
RUNBOOK: Final = ROOT / "docs" / "runbook.md"


@cache
def checks() -> list[dict[str, Any]]:
    """The expectations of all cases."""
    tests = [test for document in documents(*CASES) for test in document["tests"]]
    return [check for test in tests for check in test["alert_rule_test"]]


def promtool(*arguments: str | Path) -> None:
    program = shutil.which("promtool")
    assert program, "promtool is not installed"
    ran = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@needed("promtool")
def test_prometheus_accepts_the_rules() -> None:
    promtool("check", "rules", *RULES)


@needed("promtool")
@pytest.mark.parametrize("path", CASES, ids=lambda path: str(path.stem))
def test_alerts_fire_when_they_should_and_not_before(path: Path) -> None:
    promtool("test", "rules", path)


@pytest.mark.parametrize("alert", alerts())
def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(alert: str) -> None:
    fires = [bool(check.get("exp_alerts")) for check in checks() if check["alertname"] == alert]
    assert True in fires
    assert False in fires


def test_each_file_of_rules_has_its_cases() -> None:
    assert [path.name for path in CASES] == [path.name for path in RULES]
    for cases in CASES:
        assert [(cases.parent / name).resolve() for name in documents(cases)[0]["rule_files"]] == [
            next(path for path in RULES if path.name == cases.name)
        ]


@pytest.mark.parametrize("alert", alerts())
def test_an_alert_states_its_severity_its_meaning_and_its_section_of_the_runbook(alert: str) -> None:
    rule = alerts()[alert]
    assert alert.startswith("Tams")
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{alert.lower()}"


def test_the_runbook_has_a_section_for_each_alert_and_no_other() -> None:
    sections = re.findall(r"^### (Tams\w+)$", RUNBOOK.read_text("utf-8"), re.MULTILINE)
    assert sorted(sections) == sorted(alerts())


@pytest.mark.parametrize("alert", alerts())
def test_a_section_of_the_runbook_says_what_an_alert_means_and_what_to_see_and_do(alert: str) -> None:
    text = RUNBOOK.read_text("utf-8")
    section = text.partition(f"\n### {alert}\n")[2].partition("\n### ")[0].partition("\n## ")[0]
    assert re.findall(r"^\*\*(\w+)\.\*\*", section, re.MULTILINE) == ["Means", "See", "Do"]
    severity = alerts()[alert]["labels"]["severity"]
    assert section.lstrip().startswith(f"*{severity.capitalize()}*")


def test_every_metric_with_a_colon_is_recorded() -> None:
    used = {selector.metric for rule in rules() for selector in selectors(rule["expr"])}
    assert {metric for metric in used if ":" in metric} <= recorded()
