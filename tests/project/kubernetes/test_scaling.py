"""Checks how parts scale, what they ask of a node and how they end, by the settings and measured figures."""

import math
import re

import pytest

from docs.generate_settings import DEPLOYABLES
from tests.support.kubernetes.rendered import OVERLAYS, Object, overlay
from tests.support.project.repository import ROOT

PERFORMANCE = (ROOT / "docs" / "performance.md").read_text("utf-8")
# Live feeds that one replica of each part shall bear on the CPU that it asks for.
FEEDS = 300
CPU_STEP = 50
MEBIBYTES = {"Mi": 1, "Gi": 1024}
# What a process needs after its calls have ended, with much to spare.
END_SECONDS = 10
EACH_PART = pytest.mark.parametrize("name", DEPLOYABLES)
EACH_FORM = pytest.mark.parametrize("form", OVERLAYS)


def cpu_of(part: str) -> int:
    """Thousandths of a core that a part takes for the feeds, from docs/performance.md; 0 without a figure."""
    found = re.search(rf"the services 3\.5 ms:[^.]*(?:\.\d[^.]*)*?\b{part} (\d\.\d)", PERFORMANCE)
    return math.ceil(float(found[1]) * FEEDS) if found else 0


def mebibytes(text: str) -> int:
    return int(text[:-2]) * MEBIBYTES[text[-2:]]


@EACH_PART
def test_a_part_asks_for_the_cpu_of_the_measured_feeds(name: str) -> None:
    requested = overlay("production").container(name)["resources"]["requests"]["cpu"]
    needed = cpu_of(name)
    assert (needed > 0) == (name != "analytics")
    if needed:
        assert requested == f"{math.ceil(needed / CPU_STEP) * CPU_STEP}m"


@EACH_FORM
@EACH_PART
def test_a_part_has_the_memory_that_its_bounds_permit(form: str, name: str) -> None:
    settings, resources = overlay(form).settings(name), overlay(form).container(name)["resources"]
    asked, allowed = (mebibytes(resources[kind]["memory"]) for kind in ("requests", "limits"))
    # Resident sizes in docs/performance.md: 360 MB for five idle processes, 208 MB for metadata on VAST.
    idle = 208 if form == "vast" and name == "metadata" else 72
    # Bodies and answers have the limit each, DuckDB has its own.
    held = 2 * getattr(settings, "max_held_bytes", 0) // 2**20 + getattr(settings, "memory_mb", 0)
    assert idle < asked < allowed
    assert idle + held < allowed
    # A limit of CPU would only stop a process in the middle of a request.
    assert resources["limits"].keys() == {"memory"}


@EACH_FORM
@EACH_PART
def test_a_part_has_the_time_to_drain_to_finish_and_to_end(form: str, name: str) -> None:
    settings = overlay(form).settings(name)
    allowed = overlay(form).pod(name)["terminationGracePeriodSeconds"]
    assert allowed == math.ceil(settings.drain_seconds + settings.grace_seconds) + END_SECONDS
    # Draining is a part of the process: a hook that sleeps would only delay the news that it goes.
    assert "lifecycle" not in overlay(form).container(name)


@EACH_FORM
@EACH_PART
def test_a_part_with_replicas_is_scaled_and_drains(form: str, name: str) -> None:
    objects = overlay(form)
    spec = objects.one("Deployment", name)["spec"]
    scaled = name in objects.of("HorizontalPodAutoscaler")
    assert scaled == (form == "vast" or name not in ("metadata", "analytics"))
    # A number in the Deployment would undo the scaling with each apply.
    assert spec.get("replicas") == (None if scaled else 1)
    assert (objects.settings(name).drain_seconds >= 5) == scaled
    if scaled:
        assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


@EACH_FORM
def test_parts_scale_by_cpu_and_in_production_by_requests_in_flight(form: str) -> None:
    for name, scaler in overlay(form).of("HorizontalPodAutoscaler").items():
        spec = scaler["spec"]
        assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        assert 2 <= spec["minReplicas"] < spec["maxReplicas"]
        cpu, *others = spec["metrics"]
        assert cpu["resource"]["name"] == "cpu"
        # The events service has few callers and much work.
        assert [metric["pods"]["metric"]["name"] for metric in others] == (
            [] if form == "local" or name == "events" else ["tams_requests_in_flight"]
        )


def test_analytics_scales_when_its_workers_are_busy() -> None:
    _, in_flight = overlay("vast").one("HorizontalPodAutoscaler", "analytics")["spec"]["metrics"]
    workers = overlay("vast").settings("analytics").workers
    assert int(in_flight["pods"]["target"]["averageValue"]) == workers


@EACH_FORM
@EACH_PART
def test_a_node_can_be_drained(form: str, name: str) -> None:
    assert overlay(form).one("PodDisruptionBudget", name)["spec"]["maxUnavailable"] == 1


@EACH_FORM
@EACH_PART
def test_replicas_are_spread_over_zones_and_nodes(form: str, name: str) -> None:
    spread: list[Object] = overlay(form).pod(name).get("topologySpreadConstraints", [])
    scaled = name in overlay(form).of("HorizontalPodAutoscaler")
    keys = ["topology.kubernetes.io/zone", "kubernetes.io/hostname"] if scaled else []
    assert [each["topologyKey"] for each in spread] == keys
    label = {"app.kubernetes.io/name": name}
    assert all(each["labelSelector"] == {"matchLabels": label} for each in spread)
