"""Checks the configurations of Prometheus, Alertmanager, Grafana and the collector, which belong together."""

import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from docs.generate_settings import DEPLOYABLES
from tests.support.monitoring.definitions import MONITORING, RULES, alerts
from tests.support.processes.programs import needed
from tests.support.project.repository import documents

PROMETHEUS: Final = MONITORING / "prometheus" / "prometheus.yml"
ALERTMANAGER: Final = MONITORING / "alertmanager" / "alertmanager.yml"


def only(path: Path) -> dict[str, Any]:
    [document] = documents(path)
    return document


def datasources() -> dict[str, dict[str, Any]]:
    """The data sources of Grafana by uid."""
    document = only(MONITORING / "grafana" / "datasources" / "tams.yaml")
    return {source["uid"]: source for source in document["datasources"]}


def run(*command: str | Path) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@needed("promtool")
def test_prometheus_accepts_its_configuration_with_the_rules_beside_it(tmp_path: Path) -> None:
    shutil.copy(PROMETHEUS, tmp_path)
    shutil.copytree(RULES[0].parent, tmp_path / "rules")
    printed = run("promtool", "check", "config", tmp_path / PROMETHEUS.name)
    assert printed.count("rules found") == len(RULES)


@needed("amtool")
def test_alertmanager_accepts_its_configuration() -> None:
    run("amtool", "check-config", ALERTMANAGER)


@needed("amtool")
@pytest.mark.parametrize(("severity", "receiver"), [("critical", "pager"), ("warning", "tickets")])
def test_an_alert_goes_to_the_receiver_of_its_severity(severity: str, receiver: str) -> None:
    asked = f"--config.file={ALERTMANAGER}"
    assert run("amtool", "config", "routes", "test", asked, f"severity={severity}").split() == [receiver]


def test_inhibitions_name_alerts_that_exist() -> None:
    rules = only(ALERTMANAGER)["inhibit_rules"]
    matchers = [matcher for rule in rules for matcher in rule["source_matchers"] + rule["target_matchers"]]
    named = {name for matcher in matchers for name in matcher.split('"')[1].split("|")}
    assert named <= alerts().keys()


def test_prometheus_reads_every_process_under_the_labels_that_rules_use() -> None:
    [scrape] = [each for each in only(PROMETHEUS)["scrape_configs"] if each["job_name"] == "tams"]
    [discovery] = scrape["dns_sd_configs"]
    assert sorted(discovery["names"]) == sorted(DEPLOYABLES)
    assert [each["target_label"] for each in scrape["relabel_configs"]] == ["part"]


def test_exemplars_open_traces_in_a_data_source_that_exists() -> None:
    [destination] = datasources()["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert destination["name"] == "trace_id"
    assert datasources()[destination["datasourceUid"]]["type"] == "jaeger"


def test_the_collector_has_each_component_that_its_pipelines_name() -> None:
    config = only(MONITORING / "otel-collector" / "config.yaml")
    pipelines = config["service"]["pipelines"]
    for kind in ("receivers", "processors", "exporters"):
        assert {name for pipeline in pipelines.values() for name in pipeline[kind]} == config[kind].keys()
    assert set(config["service"]["extensions"]) == config["extensions"].keys()
    assert pipelines.keys() == {"traces", "metrics"}
    assert all(pipeline["processors"][0] == "memory_limiter" for pipeline in pipelines.values())
