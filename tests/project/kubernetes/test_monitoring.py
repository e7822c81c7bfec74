"""Checks what the manifests say about monitoring against the rules and dashboards that they carry."""

import json
from pathlib import Path

import pytest

from docs.generate_settings import DEPLOYABLES
from tests.support.kubernetes.rendered import K8S, overlay
from tests.support.project.repository import documents

MONITORING = K8S / "monitoring"
RULES = sorted(MONITORING.glob("rules/*.yaml"))
DASHBOARDS = sorted(MONITORING.glob("dashboards/*.json"))


def test_the_rules_of_the_cluster_are_those_of_the_files() -> None:
    groups = [group for path in RULES for document in documents(path) for group in document["groups"]]
    rendered = overlay("production").one("PrometheusRule", "tams")["spec"]["groups"]
    up_to_date = rendered == groups
    assert up_to_date, "run make monitoring"
    assert all(document.keys() == {"groups"} for document in documents(*RULES))


def test_the_dashboards_of_the_cluster_are_those_of_the_files() -> None:
    data = overlay("production").one("ConfigMap", "dashboards")["data"]
    assert {name: json.loads(text) for name, text in data.items()} == {
        path.name: json.loads(path.read_text("utf-8")) for path in DASHBOARDS
    }


def test_every_part_is_scraped_and_has_the_labels_that_rules_use() -> None:
    objects = overlay("production")
    spec = objects.one("PodMonitor", "tams")["spec"]
    [endpoint] = spec["podMetricsEndpoints"]
    for part in DEPLOYABLES:
        labels = objects.one("Deployment", part)["spec"]["template"]["metadata"]["labels"]
        assert spec["selector"]["matchLabels"].items() <= labels.items()
        assert labels[spec["jobLabel"]] == "tams"
        assert objects.port(part, endpoint["port"])
    assert [each["targetLabel"] for each in endpoint["relabelings"]] == ["part"]


@pytest.mark.parametrize("path", RULES, ids=lambda path: str(path.name))
def test_every_alert_says_what_happened_and_where_to_read_on(path: Path) -> None:
    groups = [group for document in documents(path) for group in document["groups"]]
    for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
        assert rule["annotations"].keys() >= {"summary", "runbook_url"}
        assert rule["labels"]["severity"] in ("warning", "critical")
