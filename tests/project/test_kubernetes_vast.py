"""The overlay with tables on VAST Database: its patches fit the base, and what they make is valid."""

import copy
from typing import Any

import kubernetes_validate
import pytest
import yaml

from docs.generate_settings import DEPLOYABLES
from services.shared.settings import from_env
from services.shared.vast.address import VastAddress
from tests.support.repository import ROOT, documents

BASE = documents(*(ROOT / "k8s" / "base").glob("*.yaml"))
VAST = ROOT / "k8s" / "overlays" / "vast"
PATCHES = yaml.safe_load((VAST / "kustomization.yaml").read_text("utf-8"))["patches"]


def settings() -> dict[str, str]:
    lines = (ROOT / "k8s" / "base" / "settings.env", VAST / "settings.env")
    text = "\n".join(path.read_text("utf-8") for path in lines)
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


def patched(name: str) -> Any:
    """A deployment of the base with the overlay's JSON patch (RFC 6902) applied."""
    [found] = [one for one in BASE if one["kind"] == "Deployment" and one["metadata"]["name"] == name]
    [patch] = [one for one in PATCHES if one["target"] == {"kind": "Deployment", "name": name}]
    result = copy.deepcopy(found)
    for step in yaml.safe_load(patch["patch"]):
        *parents, last = step["path"].strip("/").split("/")
        place = result
        for part in parents:
            place = place[int(part) if isinstance(place, list) else part]
        if step["op"] == "add":
            assert last == "-"
            place.append(step["value"])
            continue
        key = int(last) if isinstance(place, list) else last
        assert step["op"] in ("replace", "remove")
        if step["op"] == "remove":
            del place[key]
        else:
            assert place[key] is not None
            place[key] = step["value"]
    return result


@pytest.mark.parametrize("name", ["metadata", "analytics"])
def test_what_the_patches_make_is_valid_and_holds_no_volume_of_tables(name: str) -> None:
    made = patched(name)
    kubernetes_validate.validate(made, kubernetes_validate.latest_version(), strict=True)
    pod = made["spec"]["template"]["spec"]
    volumes = {one["name"] for one in pod["volumes"]}
    assert volumes == {"vast", "tmp"} | ({"journal"} if name == "metadata" else set())
    assert {one["name"] for one in pod["containers"][0]["volumeMounts"]} == volumes
    assert "affinity" not in pod


def test_metadata_has_replicas() -> None:
    spec = patched("metadata")["spec"]
    assert spec["replicas"] > 1
    assert spec["strategy"]["type"] == "RollingUpdate"


@pytest.mark.parametrize("name", ["metadata", "analytics"])
def test_its_settings_name_the_cluster_and_the_mounted_keys(name: str) -> None:
    chosen = from_env(DEPLOYABLES[name].Settings, DEPLOYABLES[name].PREFIX, settings())
    assert VastAddress.parse(chosen.store_url).endpoints
    pod = patched(name)["spec"]["template"]["spec"]
    mounts = [one["mountPath"] for one in pod["containers"][0]["volumeMounts"]]
    for path in (chosen.vast_access_key_file, chosen.vast_secret_key_file):
        assert path.rpartition("/")[0] in mounts


def test_open_transactions_are_noted_where_a_restart_finds_them() -> None:
    chosen = from_env(DEPLOYABLES["metadata"].Settings, DEPLOYABLES["metadata"].PREFIX, settings())
    pod = patched("metadata")["spec"]["template"]["spec"]
    kept = {one["name"] for one in pod["volumes"] if "emptyDir" in one}
    mounts = [one["mountPath"] for one in pod["containers"][0]["volumeMounts"] if one["name"] in kept]
    assert chosen.vast_journal_dir in mounts
