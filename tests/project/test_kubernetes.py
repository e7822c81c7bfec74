"""Checks the Kubernetes manifests against their schemas and the code."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from docs.generate_settings import DEPLOYABLES
from services.media.adapters.storage_config import read_storage_backends
from services.shared.process.settings import env_names, from_env
from services.shared.rpc.server import LIVENESS
from tests.support.project.repository import ROOT, documents, files

BASE = ROOT / "k8s" / "base"
LOCAL = ROOT / "k8s" / "overlays" / "local"
KUSTOMIZATIONS = files("k8s/**/kustomization.yaml")
# What Envoy reads itself.
ENVOY = files("k8s/envoy/envoy.yaml", "k8s/envoy/*/*.yaml")
MANIFESTS = [
    path for path in files("k8s/**.yaml", ":!k8s/monitoring") if path not in {*KUSTOMIZATIONS, *ENVOY}
]
SETTINGS = dict(
    line.split("=", 1)
    for line in (BASE / "settings.env").read_text("utf-8").splitlines()
    if not line.startswith("#")
)
BASE_DOCUMENTS = documents(*BASE.glob("*.yaml"))
DEFAULT_GRACE_SECONDS = 30


def manifest(kind: str, name: str) -> Any:
    [found] = [
        document
        for document in BASE_DOCUMENTS
        if document["kind"] == kind and document["metadata"]["name"] == name
    ]
    return found


def pod_of(name: str) -> Any:
    return manifest("Deployment", name)["spec"]["template"]["spec"]


def container_of(name: str) -> Any:
    [container] = pod_of(name)["containers"]
    return container


def settings_of(name: str) -> Any:
    """The settings of a deployable in the cluster. StartupError for an unknown name or a bad value."""
    return from_env(DEPLOYABLES[name].Settings, DEPLOYABLES[name].PREFIX, SETTINGS)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_manifest_is_valid(path: Path) -> None:
    for document in documents(path):
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_a_kustomization_names_exactly_the_files_in_its_folder(path: Path) -> None:
    kustomization = yaml.safe_load(path.read_text("utf-8"))
    generators = kustomization["configMapGenerator"]
    listed = [
        *kustomization.get("resources", ()),
        *(name for item in generators for name in generated_from(item)),
    ]
    in_folder = {file.name for file in files("k8s") if file.parent == path.parent} - {path.name}
    assert {name for name in listed if not name.startswith("..")} == in_folder
    assert all((path.parent / name).exists() for name in listed)


def generated_from(generator: dict[str, Any]) -> Iterator[str]:
    yield from generator.get("files", [])
    yield from generator.get("envs", [])


def test_images_have_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    images = [
        image for path in KUSTOMIZATIONS for image in yaml.safe_load(path.read_text()).get("images", ())
    ]
    assert {image["name"] for image in images} == {f"tams-{name}" for name in [*DEPLOYABLES, "storage"]}
    assert {image["newTag"] for image in images} == {version}


def test_every_setting_is_read_by_a_process() -> None:
    known = {
        env for module in DEPLOYABLES.values() for env in env_names(module.Settings, module.PREFIX).values()
    }
    assert SETTINGS.keys() - known == set()


@pytest.mark.parametrize("name", DEPLOYABLES)
class TestDeployable:
    def test_a_deployable_runs_its_module_from_its_image(self, name: str) -> None:
        container = container_of(name)
        module = DEPLOYABLES[name].__name__.removesuffix(".settings")
        assert container["command"] == ["python", "-m", module]
        assert container["image"] == f"tams-{name}"
        assert container["envFrom"] == [{"configMapRef": {"name": "settings"}}]

    def test_a_deployable_listens_on_the_port_of_its_services(self, name: str) -> None:
        settings = settings_of(name)
        assert settings.host == "0.0.0.0"
        [port] = container_of(name)["ports"]
        assert port["containerPort"] == settings.port
        for service in (manifest("Service", name), manifest("Service", f"{name}-headless")):
            assert [(listed["port"], listed["targetPort"]) for listed in service["spec"]["ports"]] == [
                (settings.port, port["name"])
            ]
        assert manifest("Service", f"{name}-headless")["spec"]["clusterIP"] == "None"

    def test_a_deployable_has_the_same_label_in_all_its_manifests(self, name: str) -> None:
        label = {"app.kubernetes.io/name": name}
        spec = manifest("Deployment", name)["spec"]
        assert spec["template"]["metadata"]["labels"] == label
        for selector in (spec["selector"], manifest("PodDisruptionBudget", name)["spec"]["selector"]):
            assert selector == {"matchLabels": label}
        assert manifest("Service", name)["spec"]["selector"] == label
        assert manifest("Service", f"{name}-headless")["spec"]["selector"] == label

    def test_a_deployable_gets_no_variables_of_service_links(self, name: str) -> None:
        """Service links add variables named after services. from_env refuses those that begin with TAMS_."""
        assert pod_of(name)["enableServiceLinks"] is False

    def test_a_deployable_has_no_unused_rights(self, name: str) -> None:
        pod, container = pod_of(name), container_of(name)
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} <= container["resources"].keys()

    def test_a_deployable_has_time_to_drain(self, name: str) -> None:
        settings = settings_of(name)
        allowed = pod_of(name).get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS)
        assert settings.drain_seconds + settings.grace_seconds < allowed

    def test_a_node_of_a_deployable_can_be_drained(self, name: str) -> None:
        assert manifest("PodDisruptionBudget", name)["spec"]["maxUnavailable"] == 1

    def test_a_deployable_is_probed_on_its_port(self, name: str) -> None:
        container, port = container_of(name), settings_of(name).port
        probes = [container[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness")]
        if name == "gateway":
            assert [probe["httpGet"] for probe in probes] == [{"path": "/health/live", "port": "http"}] * 3
        else:
            assert [probe["grpc"]["port"] for probe in probes] == [port] * 3
            # Only readiness may depend on other services, as a restart would not repair those.
            assert [probe["grpc"].get("service", "") for probe in probes] == [LIVENESS, "", LIVENESS]

    def test_the_peers_of_a_deployable_are_services(self, name: str) -> None:
        names = env_names(DEPLOYABLES[name].Settings, DEPLOYABLES[name].PREFIX)
        for field, env in names.items():
            if field.endswith("_address"):
                peer = field.removesuffix("_address")
                port = manifest("Service", f"{peer}-headless")["spec"]["ports"][0]["port"]
                assert SETTINGS[env] == f"dns:///{peer}-headless:{port}"

    def test_the_paths_in_the_settings_of_a_deployable_are_on_volumes(self, name: str) -> None:
        settings = settings_of(name)
        mounts = [mount["mountPath"] for mount in container_of(name)["volumeMounts"]]
        if hasattr(settings, "store_url"):
            assert settings.store_url.removeprefix("sqlite:///").startswith("/data/")
            assert "/data" in mounts
        if hasattr(settings, "storage_config"):
            assert settings.storage_config == "/etc/tams/storage.json"
            assert {"/etc/tams", "/run/secrets/storage"} <= set(mounts)
        assert "/tmp" in mounts


def test_only_one_metadata_process_runs_at_a_time() -> None:
    spec = manifest("Deployment", "metadata")["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")


def test_analytics_shares_the_node_and_volume_of_metadata() -> None:
    affinity = pod_of("analytics")["affinity"]["podAffinity"]
    [rule] = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
    assert rule["topologyKey"] == "kubernetes.io/hostname"
    assert rule["labelSelector"] == {"matchLabels": {"app.kubernetes.io/name": "metadata"}}
    for name in ("metadata", "analytics"):
        volumes = {volume["name"]: volume for volume in pod_of(name)["volumes"]}
        assert volumes["tables"]["persistentVolumeClaim"] == {"claimName": "tables"}


@pytest.mark.parametrize("folder", [BASE, LOCAL], ids=["base", "local"])
def test_media_accepts_the_storage_configuration(folder: Path, tmp_path: Path) -> None:
    entries = json.loads((folder / "storage.json").read_text("utf-8"))
    mounted = {"/run/secrets/storage/access_key", "/run/secrets/storage/secret_key"}
    for entry in entries:
        assert {entry["access_key_file"], entry["secret_key_file"]} == mounted
        entry |= {"access_key_file": "key", "secret_key_file": "key"}
    (tmp_path / "key").write_text("anything")
    (tmp_path / "storage.json").write_text(json.dumps(entries))
    backends = read_storage_backends(tmp_path / "storage.json")
    assert backends is not None


def test_manifests_refer_to_secrets_and_contain_none() -> None:
    manifests = documents(*MANIFESTS)
    assert [document["metadata"]["name"] for document in manifests if document["kind"] == "Secret"] == []
    named = {
        volume["secret"]["secretName"]
        for document in manifests
        if document["kind"] == "Deployment"
        for volume in document["spec"]["template"]["spec"]["volumes"]
        if "secret" in volume
    }
    assert named == {"storage-credentials", "access"}
    guide = (ROOT / "docs" / "deployment.md").read_text("utf-8")
    for name in named:
        assert re.search(rf"kubectl .*create secret generic {name}", guide)


@pytest.mark.parametrize("name", DEPLOYABLES)
def test_every_part_has_the_secret_of_the_store(name: str) -> None:
    settings = settings_of(name)
    assert settings.auth == "required"
    assert settings.service_secret_file == "/run/secrets/access/service_secret"
    mounts = {mount["mountPath"]: mount["name"] for mount in container_of(name)["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod_of(name)["volumes"]}
    assert volumes[mounts["/run/secrets/access"]]["secret"]["secretName"] == "access"


def test_only_the_trial_overlay_runs_without_access_control() -> None:
    unprotected = [path for path in files("k8s/**.env") if "UNPROTECTED" in path.read_text("utf-8")]
    assert unprotected == [LOCAL / "settings.env"]
    assert "the cluster is\n# the protection" in unprotected[0].read_text("utf-8")
