"""Checks the TLS components of Kubernetes and the TLS compose file against the code."""

import re
from typing import Any

import pytest
import yaml

from docs.generate_settings import DEPLOYABLES
from services.shared.process.settings import env_names, from_env
from services.shared.rpc.server import LIVENESS
from tests.support.kubernetes.rendered import overlay
from tests.support.project.repository import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.tls.yml").read_text("utf-8"))
FILES = {"rpc_cert": "tls.crt", "rpc_key": "tls.key", "rpc_ca": "ca.crt"}
SERVICES = [name for name in DEPLOYABLES if name != "gateway"]
EACH_FORM = pytest.mark.parametrize("form", ["production", "vast"])


@EACH_FORM
@pytest.mark.parametrize("name", DEPLOYABLES)
def test_a_part_finds_its_files(form: str, name: str) -> None:
    objects = overlay(form, "mutual-tls", "https")
    found = objects.settings(name)
    volumes = {each["name"]: each for each in objects.pod(name)["volumes"]}
    mounts = {each["mountPath"]: each["name"] for each in objects.container(name)["volumeMounts"]}
    assert volumes[mounts["/run/secrets/tls"]]["secret"]["secretName"] == "tls"
    assert {field: getattr(found, field) for field in FILES} == {
        field: f"/run/secrets/tls/{file}" for field, file in FILES.items()
    }


@EACH_FORM
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_asks_itself_for_its_health(form: str, name: str) -> None:
    probed, port = overlay(form, "mutual-tls").container(name), DEPLOYABLES[name].Settings().port
    assert probed["startupProbe"]["tcpSocket"]["port"] == port
    command = ["python", "-m", "services.shared.rpc.probe", f"127.0.0.1:{port}"]
    assert probed["readinessProbe"]["exec"]["command"] == command
    assert probed["livenessProbe"]["exec"]["command"] == [*command, LIVENESS]


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("suffix", ["", "-headless"])
def test_the_services_are_named_as_tls(name: str, suffix: str) -> None:
    [port] = overlay("production", "mutual-tls").one("Service", f"{name}{suffix}")["spec"]["ports"]
    assert port["appProtocol"] == "https"


def test_the_gateway_is_probed_with_https() -> None:
    objects = overlay("production", "https")
    probed, found = objects.container("gateway"), objects.settings("gateway")
    for kind in ("startup", "readiness", "liveness"):
        assert probed[f"{kind}Probe"]["httpGet"]["scheme"] == "HTTPS"
    mounts = {each["mountPath"] for each in probed["volumeMounts"]}
    assert {found.tls_cert, found.tls_key} == {"/run/secrets/https/tls.crt", "/run/secrets/https/tls.key"}
    assert "/run/secrets/https" in mounts
    assert objects.one("Service", "gateway")["spec"]["ports"][0]["appProtocol"] == "https"


def settings_of(name: str, env: dict[str, str]) -> Any:
    return from_env(DEPLOYABLES[name].Settings, DEPLOYABLES[name].PREFIX, env)


@pytest.mark.parametrize("name", [*DEPLOYABLES, "metadata-vast", "analytics-vast"])
def test_compose_gives_every_process_the_files(name: str) -> None:
    service = COMPOSE["services"][name]
    name = name.removesuffix("-vast")
    module = DEPLOYABLES[name]
    known = env_names(module.Settings, module.PREFIX).values()
    assert set(service["environment"]) <= set(known)
    found = settings_of(name, service["environment"])
    mounted = {each["target"] for each in service["secrets"]}
    assert {getattr(found, field) for field in FILES} <= mounted
    assert {each["source"] for each in service["secrets"]} == set(COMPOSE["secrets"])
    if name == "gateway":
        assert {found.tls_cert, found.tls_key} <= mounted
        # The probe of the base file reads the certificate from the settings.
        assert "healthcheck" not in service


def test_the_pages_name_the_secrets() -> None:
    guide = (ROOT / "docs" / "deployment.md").read_text("utf-8")
    for name in ("tls", "https"):
        assert re.search(rf"kubectl .*create secret generic {name}\b", guide)
    assert "TLS_SECRETS_DIR" in guide
