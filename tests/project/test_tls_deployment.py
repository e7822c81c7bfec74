"""Checks the TLS components of Kubernetes and the TLS compose file against what they change, and the code."""

import copy
import re
from typing import Any

import kubernetes_validate
import pytest
import yaml

from docs.generate_settings import DEPLOYABLES
from services.shared.process.settings import env_names, from_env
from services.shared.rpc.server import LIVENESS
from tests.support.project.repository import ROOT, documents

BASE = documents(*(ROOT / "k8s" / "base").glob("*.yaml"))
COMPONENTS = {name: ROOT / "k8s" / "components" / name for name in ("mutual-tls", "https")}
COMPOSE = yaml.safe_load((ROOT / "docker-compose.tls.yml").read_text("utf-8"))
FILES = {"rpc_cert": "tls.crt", "rpc_key": "tls.key", "rpc_ca": "ca.crt"}
SERVICES = [name for name in DEPLOYABLES if name != "gateway"]


def component(name: str) -> Any:
    return yaml.safe_load((COMPONENTS[name] / "kustomization.yaml").read_text("utf-8"))


def environment(component: str) -> dict[str, str]:
    lines = (COMPONENTS[component] / "settings.env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def patched(kind: str, name: str, *components: str) -> Any:
    """A manifest of the base with the JSON patches of the components applied."""
    [found] = [d for d in BASE if d["kind"] == kind and d["metadata"]["name"] == name]
    result = copy.deepcopy(found)
    for patch in (patch for each in components for patch in component(each)["patches"]):
        target = patch["target"]
        if target["kind"] == kind and re.fullmatch(target["name"], name):
            for step in yaml.safe_load(patch["patch"]):
                apply(result, step)
    return result


def apply(document: Any, step: dict[str, Any]) -> None:
    *parents, last = step["path"].strip("/").split("/")
    for part in parents:
        document = document[int(part) if isinstance(document, list) else part]
    if isinstance(document, list):
        assert (step["op"], last) == ("add", "-")
        document.append(step["value"])
    else:
        assert (last in document) == (step["op"] == "replace")
        document[last] = step["value"]


def container(name: str, *components: str) -> Any:
    [found] = patched("Deployment", name, *components)["spec"]["template"]["spec"]["containers"]
    return found


@pytest.mark.parametrize("name", DEPLOYABLES)
def test_a_deployment_with_tls_is_valid_and_finds_its_files(name: str) -> None:
    deployment = patched("Deployment", name, *COMPONENTS)
    kubernetes_validate.validate(deployment, kubernetes_validate.latest_version(), strict=True)
    found = settings_of(name, environment("mutual-tls"))
    volumes = {each["name"]: each for each in deployment["spec"]["template"]["spec"]["volumes"]}
    mounts = {each["mountPath"]: each["name"] for each in container(name, *COMPONENTS)["volumeMounts"]}
    assert volumes[mounts["/run/secrets/tls"]]["secret"]["secretName"] == "tls"
    assert {field: getattr(found, field) for field in FILES} == {
        field: f"/run/secrets/tls/{file}" for field, file in FILES.items()
    }


def settings_of(name: str, env: dict[str, str]) -> Any:
    return from_env(DEPLOYABLES[name].Settings, DEPLOYABLES[name].PREFIX, env)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_asks_itself_for_its_health(name: str) -> None:
    probed, port = container(name, "mutual-tls"), DEPLOYABLES[name].Settings().port
    assert probed["startupProbe"]["tcpSocket"]["port"] == port
    command = ["python", "-m", "services.shared.rpc.probe", f"127.0.0.1:{port}"]
    assert probed["readinessProbe"]["exec"]["command"] == command
    assert probed["livenessProbe"]["exec"]["command"] == [*command, LIVENESS]


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("suffix", ["", "-headless"])
def test_the_services_are_named_as_tls(name: str, suffix: str) -> None:
    [port] = patched("Service", f"{name}{suffix}", "mutual-tls")["spec"]["ports"]
    assert port["appProtocol"] == "https"


def test_the_gateway_is_probed_with_https() -> None:
    probed = container("gateway", "https")
    for kind in ("startup", "readiness", "liveness"):
        assert probed[f"{kind}Probe"]["httpGet"]["scheme"] == "HTTPS"
    found = settings_of("gateway", environment("https"))
    mounts = {each["mountPath"] for each in probed["volumeMounts"]}
    assert {found.tls_cert, found.tls_key} == {"/run/secrets/https/tls.crt", "/run/secrets/https/tls.key"}
    assert "/run/secrets/https" in mounts


@pytest.mark.parametrize("name", DEPLOYABLES)
def test_compose_gives_every_process_the_files(name: str) -> None:
    service, module = COMPOSE["services"][name], DEPLOYABLES[name]
    known = env_names(module.Settings, module.PREFIX).values()
    assert set(service["environment"]) <= set(known)
    found = settings_of(name, service["environment"])
    mounted = {each["target"] for each in service["secrets"]}
    assert {getattr(found, field) for field in FILES} <= mounted
    assert {each["source"] for each in service["secrets"]} == set(COMPOSE["secrets"])
    if name == "gateway":
        assert {found.tls_cert, found.tls_key} <= mounted
        assert "https://127.0.0.1:8000/" in service["healthcheck"]["test"][-1]


def test_the_pages_name_the_secrets() -> None:
    guide = (ROOT / "docs" / "deployment.md").read_text("utf-8")
    for name in ("tls", "https"):
        assert re.search(rf"kubectl .*create secret generic {name}\b", guide)
    assert "TLS_SECRETS_DIR" in guide
