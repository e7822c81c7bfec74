"""Checks each part of the manifests against its code: what it runs, listens on, reads and may do."""

import json
from pathlib import Path

import pytest

from docs.generate_settings import DEPLOYABLES
from services.media.adapters.storage_config import read_storage_backends
from services.shared.process.settings import env_names
from services.shared.rpc.server import LIVENESS
from tests.support.kubernetes.rendered import OVERLAYS, overlay

pytestmark = pytest.mark.parametrize("form", OVERLAYS)
EACH_PART = pytest.mark.parametrize("name", DEPLOYABLES)


@EACH_PART
def test_a_part_runs_its_module(form: str, name: str) -> None:
    container = overlay(form).container(name)
    module = DEPLOYABLES[name].__name__.removesuffix(".settings")
    assert container["command"] == ["python", "-m", module]
    [source] = container["envFrom"]
    assert source["configMapRef"]["name"] in {item["metadata"]["name"] for item in overlay(form).all}


@EACH_PART
def test_a_part_listens_on_the_port_of_its_services(form: str, name: str) -> None:
    objects, settings = overlay(form), overlay(form).settings(name)
    assert settings.host == "0.0.0.0"
    protocol, in_mesh = ("http", "http") if name == "gateway" else ("grpc", "kubernetes.io/h2c")
    assert objects.port(name, protocol) == settings.port
    for service in (objects.one("Service", name), objects.one("Service", f"{name}-headless")):
        [port] = service["spec"]["ports"]
        assert (port["port"], port["targetPort"]) == (settings.port, protocol)
        # Meshes and gateways choose the protocol by these two.
        assert (port["name"], port["appProtocol"]) == (protocol, in_mesh)
    assert objects.one("Service", f"{name}-headless")["spec"]["clusterIP"] == "None"


@EACH_PART
def test_a_part_has_its_metrics_on_the_port_of_the_settings(form: str, name: str) -> None:
    objects = overlay(form)
    environment = objects.environment()
    assert environment["TAMS_METRICS_HOST"] == "0.0.0.0"
    assert objects.port(name, "metrics") == int(environment["TAMS_METRICS_PORT"])


@EACH_PART
def test_a_part_has_the_same_label_in_all_its_objects(form: str, name: str) -> None:
    objects, label = overlay(form), {"app.kubernetes.io/name": name}
    spec = objects.one("Deployment", name)["spec"]
    assert spec["template"]["metadata"]["labels"] == {**label, "app.kubernetes.io/part-of": "tams"}
    for selector in (spec["selector"], objects.one("PodDisruptionBudget", name)["spec"]["selector"]):
        assert selector == {"matchLabels": label}
    assert objects.one("Service", name)["spec"]["selector"] == label
    assert objects.one("Service", f"{name}-headless")["spec"]["selector"] == label


@EACH_PART
def test_a_part_gets_no_variables_of_service_links(form: str, name: str) -> None:
    """Service links add variables named after services. from_env refuses those that begin with TAMS_."""
    assert overlay(form).pod(name)["enableServiceLinks"] is False


@EACH_PART
def test_a_part_has_no_unused_rights(form: str, name: str) -> None:
    pod, container = overlay(form).pod(name), overlay(form).container(name)
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    empty = [volume["emptyDir"] for volume in pod["volumes"] if "emptyDir" in volume]
    assert all("sizeLimit" in volume for volume in empty)


@EACH_PART
def test_a_part_is_probed_on_its_port(form: str, name: str) -> None:
    container, port = overlay(form).container(name), overlay(form).settings(name).port
    probes = [container[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness")]
    if name == "gateway":
        assert [probe["httpGet"] for probe in probes] == [{"path": "/health/live", "port": "http"}] * 3
    else:
        assert [probe["grpc"]["port"] for probe in probes] == [port] * 3
        # Only readiness may depend on other services, as a restart would not repair those.
        assert [probe["grpc"].get("service", "") for probe in probes] == [LIVENESS, "", LIVENESS]


@EACH_PART
def test_the_peers_of_a_part_are_services(form: str, name: str) -> None:
    for field, env in env_names(DEPLOYABLES[name].Settings, DEPLOYABLES[name].PREFIX).items():
        if field.endswith("_address"):
            peer = field.removesuffix("_address")
            port = overlay(form).one("Service", f"{peer}-headless")["spec"]["ports"][0]["port"]
            assert overlay(form).environment()[env] == f"dns:///{peer}-headless:{port}"


@EACH_PART
def test_the_paths_in_the_settings_of_a_part_are_on_volumes(form: str, name: str) -> None:
    settings = overlay(form).settings(name)
    mounts = {mount["mountPath"] for mount in overlay(form).container(name)["volumeMounts"]}
    if getattr(settings, "store_url", "").startswith("sqlite:"):
        assert settings.store_url.removeprefix("sqlite:///").startswith("/data/")
        assert "/data" in mounts
    if hasattr(settings, "storage_config"):
        assert settings.storage_config == "/etc/tams/storage.json"
        assert {"/etc/tams", "/run/secrets/storage"} <= mounts
    assert "/tmp" in mounts


@EACH_PART
def test_a_part_has_the_secret_of_the_store(form: str, name: str) -> None:
    settings = overlay(form).settings(name)
    assert settings.auth == ("off" if form == "local" else "required")
    assert settings.service_secret_file == "/run/secrets/access/service_secret"
    mounts = {mount["mountPath"]: mount["name"] for mount in overlay(form).container(name)["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in overlay(form).pod(name)["volumes"]}
    assert volumes[mounts["/run/secrets/access"]]["secret"]["secretName"] == "access"


@EACH_PART
def test_a_part_follows_the_settings_that_change_while_it_runs(form: str, name: str) -> None:
    objects = overlay(form)
    [file] = objects.one("ConfigMap", "runtime")["data"]
    mounts = {mount["mountPath"]: mount for mount in objects.container(name)["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in objects.pod(name)["volumes"]}
    assert objects.settings(name).runtime_file == f"/etc/tams-runtime/{file}"
    # A name with a suffix would start the pods again, and a single file that is mounted never changes.
    mount = mounts["/etc/tams-runtime"]
    assert volumes[mount["name"]]["configMap"]["name"] == "runtime"
    assert "subPath" not in mount


def test_on_sqlite_one_metadata_process_runs_and_analytics_shares_its_node_and_volume(form: str) -> None:
    if form == "vast":
        return
    spec = overlay(form).one("Deployment", "metadata")["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")
    affinity = overlay(form).pod("analytics")["affinity"]["podAffinity"]
    [rule] = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
    assert rule["topologyKey"] == "kubernetes.io/hostname"
    assert rule["labelSelector"] == {"matchLabels": {"app.kubernetes.io/name": "metadata"}}
    for name in ("metadata", "analytics"):
        volumes = {volume["name"]: volume for volume in overlay(form).pod(name)["volumes"]}
        assert volumes["tables"]["persistentVolumeClaim"] == {"claimName": "tables"}


def test_media_accepts_the_storage_configuration(form: str, tmp_path: Path) -> None:
    entries = json.loads(overlay(form).one("ConfigMap", "storage")["data"]["storage.json"])
    mounted = {"/run/secrets/storage/access_key", "/run/secrets/storage/secret_key"}
    for entry in entries:
        assert {entry["access_key_file"], entry["secret_key_file"]} == mounted
        entry |= {"access_key_file": "key", "secret_key_file": "key"}
    (tmp_path / "key").write_text("anything")
    (tmp_path / "storage.json").write_text(json.dumps(entries))
    assert read_storage_backends(tmp_path / "storage.json") is not None


def test_the_route_leads_to_the_gateway_and_is_the_public_address(form: str) -> None:
    if form == "local":
        return
    objects = overlay(form)
    spec = objects.one("HTTPRoute", "gateway")["spec"]
    [backend] = [backend for rule in spec["rules"] for backend in rule["backendRefs"]]
    service = objects.one("Service", backend["name"])
    assert backend["port"] in {port["port"] for port in service["spec"]["ports"]}
    assert [f"https://{host}" for host in spec["hostnames"]] == [objects.settings("gateway").public_url]
