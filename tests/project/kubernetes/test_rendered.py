"""Checks what kubectl makes of the manifests: valid objects, of images and settings that exist."""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest

from docs.generate_settings import DEPLOYABLES
from tests.support.kubernetes.custom import SCHEMAS
from tests.support.kubernetes.rendered import COMPONENTS, K8S, OVERLAYS, Object, base, overlay
from tests.support.project.repository import ROOT, documents, files
from tests.support.project.settings import read_settings

# The oldest Kubernetes that is named in the guide, one in between, and the newest with a schema.
VERSIONS = ("1.30", "1.33", kubernetes_validate.latest_version())
KUSTOMIZATIONS = files("k8s/**/kustomization.yaml")
SECRETS = {"storage-credentials", "access", "vast-credentials", "tls", "https"}


FORMS = ("base", *OVERLAYS, "everything")


def form(name: str) -> list[Object]:
    """The objects of a folder of k8s, or of the largest overlay with all components."""
    if name == "base":
        return base().all
    return overlay("vast", *COMPONENTS).all if name == "everything" else overlay(name).all


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid(version: str) -> None:
    distinct = {json.dumps(item, sort_keys=True): item for name in FORMS for item in form(name)}
    for item in distinct.values():
        if schema := SCHEMAS.get((item["apiVersion"], item["kind"])):
            jsonschema.validate(item["spec"], schema)
        else:
            kubernetes_validate.validate(item, version, strict=True)


@pytest.mark.parametrize("name", FORMS)
def test_every_object_is_in_the_namespace_and_named_once(name: str) -> None:
    found = form(name)
    assert {item["metadata"]["namespace"] for item in found} == {"tams"}
    assert {item["metadata"]["labels"]["app.kubernetes.io/part-of"] for item in found} == {"tams"}
    names = [(item["kind"], item["metadata"]["name"]) for item in found]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_a_kustomization_names_exactly_the_files_in_its_folder(path: Path) -> None:
    [kustomization] = documents(path)
    listed = [
        *kustomization.get("resources", ()),
        *(name for item in kustomization.get("configMapGenerator", ()) for name in generated_from(item)),
    ]
    in_folder = {str(file.relative_to(path.parent)) for file in files(str(path.parent))} - {path.name}
    others = {
        str(other.parent.relative_to(path.parent))
        for other in KUSTOMIZATIONS
        if path.parent in other.parent.parents
    }
    own = {name for name in in_folder if not any(name.startswith(f"{other}/") for other in others)}
    assert {name for name in listed if not name.startswith("..")} == own - sources(path)
    assert all((path.parent / name).exists() for name in listed)


def generated_from(generator: Object) -> Iterator[str]:
    yield from generator.get("files", [])
    yield from generator.get("envs", [])


def sources(path: Path) -> set[str]:
    """The files of a folder from which others are written, or that other programs read."""
    read_elsewhere = {
        str(file.relative_to(path.parent))
        for name in (
            "rules",
            "adapter",
            "panels",
            "alertmanager",
            "grafana",
            "otel-collector",
            "prometheus",
            "variants",
            "endpoints",
            "secrets",
        )
        for file in files(str(path.parent / name))
    }
    return read_elsewhere | {str(file.relative_to(path.parent)) for file in files(f"{path.parent}/*.py")}


def test_images_have_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    for name in OVERLAYS:
        images = {part: overlay(name).container(part)["image"] for part in overlay(name).of("Deployment")}
        suffixes = {"metadata": "-vast", "analytics": "-vast"} if name == "vast" else {}
        assert images == {part: f"tams-{part}{suffixes.get(part, '')}:{version}" for part in images}
        assert set(images) == {*DEPLOYABLES, "storage"} if name == "local" else {*DEPLOYABLES}


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_setting_is_read_by_a_process(name: str) -> None:
    assert overlay(name, "mutual-tls", "https").environment().keys() - read_settings() == set()


def test_manifests_refer_to_secrets_and_contain_none() -> None:
    objects = [item for name in OVERLAYS for item in overlay(name, "mutual-tls", "https").all]
    assert [item["metadata"]["name"] for item in objects if item["kind"] == "Secret"] == []
    pods = [item["spec"]["template"]["spec"] for item in objects if item["kind"] == "Deployment"]
    named = {
        volume["secret"]["secretName"] for pod in pods for volume in pod["volumes"] if "secret" in volume
    }
    assert named == SECRETS
    guides = "".join((ROOT / "docs" / page).read_text("utf-8") for page in ("deployment.md", "kubernetes.md"))
    for name in named:
        assert re.search(rf"kubectl .*create secret generic {name}\b", guides)


def secrets_of(pods: Iterable[Object]) -> set[str]:
    return {volume["secret"]["secretName"] for pod in pods for volume in pod["volumes"] if "secret" in volume}


@pytest.mark.parametrize("name", OVERLAYS)
def test_secrets_of_an_operator_are_those_of_the_pods(name: str) -> None:
    components = ["external-secrets"] + (["external-secrets/vast"] if name == "vast" else [])
    made = overlay(name, *components).of("ExternalSecret")
    assert set(made) == secrets_of(overlay(name).pod(part) for part in DEPLOYABLES)
    assert {item["spec"]["target"]["name"] for item in made.values()} == set(made)


def test_only_the_trial_overlay_runs_without_access_control() -> None:
    unprotected = [path for path in files("k8s/**.env") if "UNPROTECTED" in path.read_text("utf-8")]
    assert unprotected == [K8S / "overlays" / "local" / "settings.env"]
    assert "the cluster is\n# the protection" in unprotected[0].read_text("utf-8")


def test_the_kustomizations_are_of_the_version_that_kubectl_reads() -> None:
    versions = {(doc["kind"], doc["apiVersion"]) for path in KUSTOMIZATIONS for doc in documents(path)}
    assert versions == {
        ("Kustomization", "kustomize.config.k8s.io/v1beta1"),
        ("Component", "kustomize.config.k8s.io/v1alpha1"),
    }
