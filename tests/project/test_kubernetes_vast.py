"""Checks the overlay with tables on VAST Database: its patches fit the base, and the result is valid."""

import copy
from typing import Any

import kubernetes_validate
import pytest
import yaml

from docs.generate_settings import DEPLOYABLES
from services.shared.process.settings import from_env
from services.vast_client.connections.address import VastAddress
from tests.support.project.repository import ROOT, documents

BASE = documents(*(ROOT / "k8s" / "base").glob("*.yaml"))
VAST = ROOT / "k8s" / "overlays" / "vast"
PATCHES = yaml.safe_load((VAST / "kustomization.yaml").read_text("utf-8"))["patches"]


def settings() -> dict[str, str]:
    lines = (ROOT / "k8s" / "base" / "settings.env", VAST / "settings.env")
    text = "\n".join(path.read_text("utf-8") for path in lines)
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


def patched(name: str) -> Any:
    """A deployment of the base with the overlay's JSON patch (RFC 6902) applied."""
    [found] = [
        document
        for document in BASE
        if document["kind"] == "Deployment" and document["metadata"]["name"] == name
    ]
    [patch] = [item for item in PATCHES if item["target"] == {"kind": "Deployment", "name": name}]
    result = copy.deepcopy(found)
    for step in yaml.safe_load(patch["patch"]):
        *parents, last = step["path"].strip("/").split("/")
        target: Any = result
        for part in parents:
            target = target[int(part) if isinstance(target, list) else part]
        if step["op"] == "add":
            assert last == "-"
            target.append(step["value"])
            continue
        key = int(last) if isinstance(target, list) else last
        assert step["op"] in ("replace", "remove")
        if step["op"] == "remove":
            del target[key]
        else:
            assert target[key] is not None
            target[key] = step["value"]
    return result


@pytest.mark.parametrize("name", ["metadata", "analytics"])
def test_a_patched_deployment_is_valid_and_has_no_volume_of_tables(name: str) -> None:
    deployment = patched(name)
    kubernetes_validate.validate(deployment, kubernetes_validate.latest_version(), strict=True)
    pod = deployment["spec"]["template"]["spec"]
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert volumes == {"vast", "tmp", "access"} | ({"journal"} if name == "metadata" else set())
    assert {mount["name"] for mount in pod["containers"][0]["volumeMounts"]} == volumes
    assert "affinity" not in pod


def test_metadata_has_several_replicas() -> None:
    spec = patched("metadata")["spec"]
    assert spec["replicas"] > 1
    assert spec["strategy"]["type"] == "RollingUpdate"


@pytest.mark.parametrize("name", ["metadata", "analytics"])
def test_the_settings_name_the_cluster_and_the_mounted_keys(name: str) -> None:
    chosen = from_env(DEPLOYABLES[name].Settings, DEPLOYABLES[name].PREFIX, settings())
    assert VastAddress.parse(chosen.store_url).endpoints
    pod = patched(name)["spec"]["template"]["spec"]
    mounts = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]]
    for path in (chosen.vast_access_key_file, chosen.vast_secret_key_file):
        assert path.rpartition("/")[0] in mounts


def test_the_journal_of_metadata_survives_a_restart_of_its_container() -> None:
    chosen = from_env(DEPLOYABLES["metadata"].Settings, DEPLOYABLES["metadata"].PREFIX, settings())
    pod = patched("metadata")["spec"]["template"]["spec"]
    kept = {volume["name"] for volume in pod["volumes"] if "emptyDir" in volume}
    mounts = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"] if mount["name"] in kept]
    assert chosen.vast_journal_dir in mounts
