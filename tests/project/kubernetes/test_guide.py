"""Renders the examples of docs/kubernetes.md, and compares its tables with the objects."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from docs.generate_settings import DEPLOYABLES
from tests.project.kubernetes.test_chart import by_name
from tests.support.kubernetes.programs import run
from tests.support.kubernetes.rendered import K8S, Objects, overlay
from tests.support.project.guides import blocks
from tests.support.project.pages import table_rows
from tests.support.project.repository import ROOT

PAGE = ROOT / "docs" / "kubernetes.md"
EXAMPLES = re.compile(r"192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|\.example\b")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clone and the files of the guide beside it."""
    root = tmp_path_factory.mktemp("guide").resolve()
    shutil.copytree(K8S, root / "tams" / "k8s")
    (root / "store").mkdir()
    for block in (*blocks("yaml", PAGE), *blocks("sh", PAGE)):
        if name := re.match(r"# (store/\S+)\n", block):
            (root / name[1]).write_text(block, "utf-8")
    storage = (K8S / "base" / "storage.json").read_text("utf-8").replace("s3.example.com", "10.20.2.9")
    (root / "store" / "storage.json").write_text(storage, "utf-8")
    return root


@pytest.fixture(scope="module")
def kustomized(folder: Path) -> Objects:
    return Objects(run("kubectl", "kustomize", str(folder / "store")))


def test_both_forms_of_the_guide_make_the_same_objects(folder: Path, kustomized: Objects) -> None:
    made = Objects(
        run(
            "helm", "template", "tams", str(folder / "tams" / "k8s" / "chart"), "--namespace", "tams",
            "--values", str(folder / "store" / "values.yaml"),
            "--set-file", f"objects.backends={folder / 'store' / 'storage.json'}",
        )
    )  # fmt: skip
    assert by_name(made) == by_name(kustomized)


def test_nothing_of_the_examples_is_left(kustomized: Objects) -> None:
    events = kustomized.one("NetworkPolicy", "events")
    left = [item for item in kustomized.all if item != events and EXAMPLES.search(yaml.safe_dump(item))]
    assert left == []


def test_the_parts_accept_the_settings_of_the_guide(kustomized: Objects) -> None:
    for part in DEPLOYABLES:
        assert kustomized.settings(part).issuer == "https://login.media.internal/realms/media"
        assert kustomized.container(part)["image"].startswith("registry.internal/tams-")


def test_the_commands_name_existing_folders_and_values() -> None:
    commands = "".join(blocks("sh", PAGE))
    assert {"k8s/overlays/local", "k8s/chart"} <= set(re.findall(r"\bk8s/[\w./-]+", commands))
    for name in re.findall(r"\bk8s/[\w./-]+", commands):
        assert (ROOT / name).exists()


def test_the_table_of_replicas_has_the_figures_of_the_objects() -> None:
    described = {row[0]: row[1:] for row in table_rows(PAGE, "part") if "m" in row[1] and len(row) == 5}
    assert set(described) == set(DEPLOYABLES)
    for part, (cpu, memory, replicas, in_flight) in described.items():
        resources = overlay("production").container(part)["resources"]
        assert cpu == resources["requests"]["cpu"]
        assert memory == f"{resources['requests']['memory']}, {resources['limits']['memory']}"
        spec = overlay("vast").one("HorizontalPodAutoscaler", part)["spec"]
        assert replicas.endswith(f"{spec['minReplicas']} to {spec['maxReplicas']}")
        pods = [metric["pods"] for metric in spec["metrics"] if metric["type"] == "Pods"]
        assert in_flight.partition(",")[0] == (pods[0]["target"]["averageValue"] if pods else "")


def test_the_table_of_network_has_every_part() -> None:
    rows = {row[0] for row in table_rows(PAGE, "part") if len(row) == 3}
    assert rows == {*DEPLOYABLES, "each"}


def test_the_table_of_components_has_every_component() -> None:
    named = {name for row in table_rows(PAGE, "component") for name in re.findall(r"`([\w/-]+)`", row[0])}
    folders = {str(path.parent.relative_to(K8S / "components")) for path in K8S.glob("components/**/*.yaml")}
    assert named == folders
