"""Checks the overlay with tables on VAST Database."""

import pytest

from services.vast_client.connections.address import VastAddress
from tests.support.kubernetes.rendered import overlay

EACH_PART = pytest.mark.parametrize("name", ["metadata", "analytics"])


@EACH_PART
def test_a_part_has_the_keys_and_no_volume_of_tables(name: str) -> None:
    pod, container = overlay("vast").pod(name), overlay("vast").container(name)
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert volumes == {"vast", "tmp", "access", "runtime"} | ({"journal"} if name == "metadata" else set())
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    assert "affinity" not in pod
    assert overlay("vast").of("PersistentVolumeClaim") == {}


@EACH_PART
def test_the_settings_name_the_cluster_and_the_mounted_keys(name: str) -> None:
    chosen = overlay("vast").settings(name)
    assert VastAddress.parse(chosen.store_url).endpoints
    mounts = [mount["mountPath"] for mount in overlay("vast").container(name)["volumeMounts"]]
    for path in (chosen.vast_access_key_file, chosen.vast_secret_key_file):
        assert path.rpartition("/")[0] in mounts


def test_the_journal_of_metadata_survives_a_restart_of_its_container() -> None:
    chosen, pod = overlay("vast").settings("metadata"), overlay("vast").pod("metadata")
    kept = {volume["name"] for volume in pod["volumes"] if "emptyDir" in volume}
    mounted = overlay("vast").container("metadata")["volumeMounts"]
    assert chosen.vast_journal_dir in [mount["mountPath"] for mount in mounted if mount["name"] in kept]


def test_all_else_is_as_in_production() -> None:
    """The overlay changes metadata and analytics, their scaling and network, and adds settings."""
    ours = {(item["kind"], item["metadata"]["name"]): item for item in overlay("vast").all}
    changed = [
        (item["kind"], item["metadata"]["name"])
        for item in overlay("production").all
        if ours.get((item["kind"], item["metadata"]["name"])) != item and item["kind"] != "Deployment"
    ]
    assert {kind for kind, _ in changed} == {"ConfigMap", "PersistentVolumeClaim"}
    for name in ("gateway", "media", "events"):
        theirs, own = (overlay(form).container(name) for form in ("production", "vast"))
        assert {**theirs, "envFrom": None} == {**own, "envFrom": None}
