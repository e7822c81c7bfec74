"""The Kubernetes manifests against their schemas and the code."""

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

from docs.generate_settings import DEPLOYABLES
from services.media.adapters.storage_config import read_storage_backends
from services.shared.rpc.server import LIVENESS
from services.shared.settings import env_names, from_env
from tests.support.repository import ROOT, documents, files

BASE = ROOT / "k8s" / "base"
LOCAL = ROOT / "k8s" / "overlays" / "local"
KUSTOMIZATIONS = files("k8s/**/kustomization.yaml")
MANIFESTS = [path for path in files("k8s/**.yaml") if path not in KUSTOMIZATIONS]
SETTINGS = dict(
    line.split("=", 1)
    for line in (BASE / "settings.env").read_text("utf-8").splitlines()
    if not line.startswith("#")
)
BASE_DOCUMENTS = documents(*BASE.glob("*.yaml"))
DEFAULT_GRACE_SECONDS = 30


def the(kind: str, name: str) -> Any:
    [found] = [one for one in BASE_DOCUMENTS if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


def pod_of(name: str) -> Any:
    return the("Deployment", name)["spec"]["template"]["spec"]


def container_of(name: str) -> Any:
    [container] = pod_of(name)["containers"]
    return container


def settings_of(name: str) -> Any:
    """What the deployable reads from the cluster's settings; an unknown name or a bad value raises."""
    return from_env(DEPLOYABLES[name].Settings, DEPLOYABLES[name].PREFIX, SETTINGS)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_is_valid_kubernetes(path):
    for document in documents(path):
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_it_names_every_file_beside_it_and_nothing_else(path):
    kustomization = yaml.safe_load(path.read_text("utf-8"))
    generators = kustomization["configMapGenerator"]
    listed = [*kustomization["resources"], *(name for one in generators for name in generated_from(one))]
    beside = {one.name for one in files("k8s") if one.parent == path.parent} - {path.name}
    assert {name for name in listed if not name.startswith("..")} == beside
    assert all((path.parent / name).exists() for name in listed)


def generated_from(generator: dict[str, Any]) -> Iterator[str]:
    yield from generator.get("files", [])
    yield from generator.get("envs", [])


def test_images_carry_the_version_of_the_project():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    images = [image for path in KUSTOMIZATIONS for image in yaml.safe_load(path.read_text())["images"]]
    assert {image["name"] for image in images} == {f"tams-{name}" for name in [*DEPLOYABLES, "storage"]}
    assert {image["newTag"] for image in images} == {version}


def test_every_name_in_the_settings_is_read_by_a_process():
    known = {env for one in DEPLOYABLES.values() for env in env_names(one.Settings, one.PREFIX).values()}
    assert SETTINGS.keys() - known == set()


@pytest.mark.parametrize("name", DEPLOYABLES)
class TestDeployable:
    def test_it_runs_its_module_from_its_image(self, name):
        container = container_of(name)
        module = DEPLOYABLES[name].__name__.removesuffix(".settings")
        assert container["command"] == ["python", "-m", module]
        assert container["image"] == f"tams-{name}"
        assert container["envFrom"] == [{"configMapRef": {"name": "settings"}}]

    def test_it_listens_where_its_services_send(self, name):
        settings = settings_of(name)
        assert settings.host == "0.0.0.0"
        [port] = container_of(name)["ports"]
        assert port["containerPort"] == settings.port
        for service in (the("Service", name), the("Service", f"{name}-headless")):
            assert [(one["port"], one["targetPort"]) for one in service["spec"]["ports"]] == [
                (settings.port, port["name"])
            ]
        assert the("Service", f"{name}-headless")["spec"]["clusterIP"] == "None"

    def test_one_label_ties_its_parts_together(self, name):
        label = {"app.kubernetes.io/name": name}
        spec = the("Deployment", name)["spec"]
        assert spec["template"]["metadata"]["labels"] == label
        for selector in (spec["selector"], the("PodDisruptionBudget", name)["spec"]["selector"]):
            assert selector == {"matchLabels": label}
        assert the("Service", name)["spec"]["selector"] == label
        assert the("Service", f"{name}-headless")["spec"]["selector"] == label

    def test_the_cluster_puts_no_names_into_its_environment(self, name):
        """Service links would add TAMS-like names that from_env refuses, were a service so named."""
        assert pod_of(name)["enableServiceLinks"] is False

    def test_it_has_no_rights_it_does_not_use(self, name):
        pod, container = pod_of(name), container_of(name)
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} <= container["resources"].keys()

    def test_it_has_time_to_drain(self, name):
        settings = settings_of(name)
        allowed = pod_of(name).get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS)
        assert settings.drain_seconds + settings.grace_seconds < allowed

    def test_draining_a_node_is_possible(self, name):
        assert the("PodDisruptionBudget", name)["spec"]["maxUnavailable"] == 1

    def test_it_is_probed_where_it_listens(self, name):
        container, port = container_of(name), settings_of(name).port
        probes = [container[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness")]
        if name == "gateway":
            assert [one["httpGet"] for one in probes] == [{"path": "/", "port": "http"}] * 3
        else:
            assert [one["grpc"]["port"] for one in probes] == [port] * 3
            # Only readiness may depend on what the service needs: restarting would not bring that back.
            assert [one["grpc"].get("service", "") for one in probes] == [LIVENESS, "", LIVENESS]

    def test_its_peers_are_services(self, name):
        names = env_names(DEPLOYABLES[name].Settings, DEPLOYABLES[name].PREFIX)
        for field, env in names.items():
            if field.endswith("_address"):
                peer = field.removesuffix("_address")
                port = the("Service", f"{peer}-headless")["spec"]["ports"][0]["port"]
                assert SETTINGS[env] == f"dns:///{peer}-headless:{port}"

    def test_its_volumes_hold_what_its_settings_name(self, name):
        settings = settings_of(name)
        mounts = [one["mountPath"] for one in container_of(name)["volumeMounts"]]
        if hasattr(settings, "store_url"):
            assert settings.store_url.removeprefix("sqlite:///").startswith("/data/")
            assert "/data" in mounts
        if hasattr(settings, "storage_config"):
            assert settings.storage_config == "/etc/tams/storage.json"
            assert {"/etc/tams", "/run/secrets/storage"} <= set(mounts)
        assert "/tmp" in mounts


def test_one_process_at_a_time_writes_the_tables():
    spec = the("Deployment", "metadata")["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")


def test_analytics_shares_the_node_and_volume_of_metadata():
    affinity = pod_of("analytics")["affinity"]["podAffinity"]
    [rule] = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
    assert rule["topologyKey"] == "kubernetes.io/hostname"
    assert rule["labelSelector"] == {"matchLabels": {"app.kubernetes.io/name": "metadata"}}
    for name in ("metadata", "analytics"):
        volumes = {one["name"]: one for one in pod_of(name)["volumes"]}
        assert volumes["tables"]["persistentVolumeClaim"] == {"claimName": "tables"}


@pytest.mark.parametrize("folder", [BASE, LOCAL], ids=["base", "local"])
def test_the_storage_configuration_is_one_that_media_accepts(folder, tmp_path):
    entries = json.loads((folder / "storage.json").read_text("utf-8"))
    mounted = {"/run/secrets/storage/access_key", "/run/secrets/storage/secret_key"}
    for entry in entries:
        assert {entry["access_key_file"], entry["secret_key_file"]} == mounted
        entry |= {"access_key_file": "key", "secret_key_file": "key"}
    (tmp_path / "key").write_text("anything")
    (tmp_path / "storage.json").write_text(json.dumps(entries))
    backends = read_storage_backends(tmp_path / "storage.json")
    assert backends is not None


def test_manifests_refer_to_secrets_and_hold_none():
    everything = documents(*MANIFESTS)
    assert [one["metadata"]["name"] for one in everything if one["kind"] == "Secret"] == []
    named = {
        volume["secret"]["secretName"]
        for one in everything
        if one["kind"] == "Deployment"
        for volume in one["spec"]["template"]["spec"]["volumes"]
        if "secret" in volume
    }
    assert named == {"storage-credentials"}
    guide = (ROOT / "docs" / "deployment.md").read_text("utf-8")
    assert re.search(r"kubectl .*create secret generic storage-credentials", guide)
