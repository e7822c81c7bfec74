"""Checks that the chart makes the same objects as the overlays, and refuses values that make no store."""

import tomllib
from typing import Any

import pytest
import yaml

from tests.support.kubernetes.programs import run
from tests.support.kubernetes.rendered import COMPONENTS, K8S, Object, Objects, chart, overlay
from tests.support.project.repository import ROOT

CHART = K8S / "chart"
LOCAL, VAST = (f"--values={CHART / name}" for name in ("values-local.yaml", "values-vast.yaml"))
SWITCHES = [f"--set={name}.enabled=true" for name in ("mutualTls", "https", "externalSecrets")]
# Arguments of helm, and the overlay with components that they stand for.
FORMS: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "local": ([LOCAL], ("local",)),
    "production": ([], ("production",)),
    "vast": ([VAST], ("vast",)),
    "production with components": (SWITCHES, ("production", "mutual-tls", "https", "external-secrets")),
    "vast with components": ([VAST, *SWITCHES], ("vast", *COMPONENTS)),
}


def by_name(objects: Objects) -> dict[tuple[str, str], Object]:
    return {(item["kind"], item["metadata"]["name"]): without_policy(item) for item in objects.all}


def without_policy(item: Object) -> Object:
    """An object without the note that only helm reads."""
    metadata = {name: value for name, value in item["metadata"].items() if name != "annotations"}
    notes = item["metadata"].get("annotations", {})
    assert notes in ({}, {"helm.sh/resource-policy": "keep"})
    return {**item, "metadata": metadata}


@pytest.mark.parametrize("form", FORMS)
def test_the_chart_makes_the_objects_of_the_overlay(form: str) -> None:
    arguments, folders = FORMS[form]
    made, wanted = by_name(chart(*arguments)), by_name(overlay(*folders))
    assert sorted(made) == sorted(wanted)
    for name, item in wanted.items():
        assert made[name] == item


def test_helm_has_nothing_to_say_about_the_chart() -> None:
    for values in ([], [LOCAL], [VAST]):
        run("helm", "lint", "--strict", str(CHART), *values)


def test_the_chart_has_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    described = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert (described["version"], described["appVersion"]) == (version, version)


def test_settings_of_the_operator_win_and_roll_the_pods() -> None:
    plain, changed = chart(), chart("--set-string=settings.TAMS_LOG_LEVEL=debug,settings.TAMS_GATEWAY_RATE=5")
    environment = changed.environment()
    assert (environment["TAMS_LOG_LEVEL"], environment["TAMS_GATEWAY_RATE"]) == ("debug", "5")
    sources = [objects.container("gateway")["envFrom"] for objects in (plain, changed)]
    assert sources[0] != sources[1]


def test_a_packed_chart_is_whole(tmp_path: Any) -> None:
    run("helm", "package", str(CHART), "--destination", str(tmp_path))
    [packed] = tmp_path.iterdir()
    rendered = Objects(run("helm", "template", "tams", str(packed), "--namespace", "tams"))
    assert rendered.all == chart().all


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ("tables.engine=postgres", "engine"),
        ("tables.engine=vast", "vast://"),
        ("tables.urls=vast://a", "urls"),
        ("parts.gateway.replicas.min=0", "min"),
        ("settings.TAMS_X=5", "TAMS_X"),
        ("settings.OTHER=a", "OTHER"),
    ],
)
def test_values_that_make_no_store_are_refused(argument: str, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        chart(f"--set={argument}")
