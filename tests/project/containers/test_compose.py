"""Checks the compose file against the code, as a reader of such files merges, fills and filters it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
import yaml

from docs.generate_settings import DEPLOYABLES
from services.shared.errors import StartupError
from services.shared.process.settings import env_names, from_env
from services.vast_client.connections.address import VastAddress
from tests.support.containers.dockerfile import STAGES, instruction
from tests.support.project.repository import ROOT, documents, files

COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
OBSERVERS = {"prometheus", "alertmanager", "grafana", "jaeger", "collector"}
CORE = {*DEPLOYABLES, "storage"}
SERVICES = {name: each for name, each in COMPOSE["services"].items() if name not in OBSERVERS}
PARTS = [name for name in SERVICES if name != "storage"]
MONITORING = ROOT / "k8s" / "monitoring"


def part_of(name: str) -> str:
    """The deployable of a service: metadata-vast is metadata."""
    return name.removesuffix("-vast")


# A variable that is not set, and its default.
UNSET = re.compile(r"\$\{\w+:-(.*?)\}")


def settings_of(name: str, environment: Mapping[str, str]) -> Any:
    """The settings that a deployable reads from an environment. It must know all names."""
    module = DEPLOYABLES[name]
    assert environment.keys() - env_names(module.Settings, module.PREFIX).values() == set()
    values = {name: UNSET.sub(r"\1", value) for name, value in environment.items()}
    return from_env(module.Settings, module.PREFIX, values)


@cache
def selected(profiles: str, *files: str) -> Any:
    """The compose file with these profiles, as podman-compose reads it."""
    env = {"PATH": os.environ["PATH"], "STORAGE_SECRETS_DIR": "secrets", "TLS_SECRETS_DIR": "tls"}
    if profiles:
        env["COMPOSE_PROFILES"] = profiles
    named = (part for file in files for part in ("-f", file))
    read = subprocess.run(
        [f"{sys.prefix}/bin/podman-compose", "--dry-run", *named, "config"],
        cwd=ROOT, env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return yaml.safe_load(read.stdout)


@pytest.mark.parametrize(
    ("profiles", "names"),
    [
        ("", CORE),
        ("core", CORE),
        ("vast", CORE - {"metadata", "analytics"} | {"metadata-vast", "analytics-vast"}),
        ("core,observability", CORE | OBSERVERS),
        ("observability", OBSERVERS),
    ],
)
def test_a_profile_runs_its_services(profiles: str, names: set[str]) -> None:
    assert set(selected(profiles)["services"]) == names


@pytest.mark.parametrize("profiles", ["core", "vast"])
def test_a_service_waits_for_what_runs_with_it(profiles: str) -> None:
    services = selected(profiles)["services"]
    for service in services.values():
        for peer, terms in service.get("depends_on", {}).items():
            assert peer in services or terms["required"] is False
    waits = {
        name: {peer for peer in each.get("depends_on", {}) if peer in services}
        for name, each in services.items()
    }
    assert {part_of(peer) for peer in waits["gateway"]} == {"metadata", "media", "analytics"}
    assert {part_of(peer) for peer in waits["media"]} == {"metadata", "storage"}


@pytest.mark.parametrize("profiles", ["core", "vast"])
def test_the_file_for_tls_adds_to_every_part_that_runs(profiles: str) -> None:
    services = selected(profiles, "docker-compose.yml", "docker-compose.tls.yml")["services"]
    for name in services.keys() - {"storage"}:
        assert "TAMS_TLS_CERT" in services[name]["environment"]


@pytest.mark.parametrize("name", ["metadata-vast", "analytics-vast"])
def test_on_vast_a_part_has_the_name_and_the_keys(name: str) -> None:
    service = selected("vast")["services"][name]
    assert service["networks"]["internal"]["aliases"] == [part_of(name)]
    chosen = settings_of(part_of(name), service["environment"])
    with pytest.raises(StartupError, match="malformed host"):
        VastAddress.parse(chosen.store_url)
    mounted = {secret["target"] for secret in service["secrets"]}
    assert mounted == {chosen.vast_access_key_file, chosen.vast_secret_key_file}


@pytest.mark.parametrize("name", sorted(OBSERVERS))
def test_an_observer_reads_files_of_the_project_and_is_closed(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert re.search(r":v?\d+\.\d+\.\d+$", service["image"])
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    for volume in service.get("volumes", []):
        source = volume.partition(":")[0]
        if source.startswith("./"):
            assert volume.endswith(":ro")
            assert (ROOT / source).exists()
        else:
            assert source in COMPOSE["volumes"]


def test_prometheus_scrapes_every_part_with_the_labels_of_the_cluster() -> None:
    [read] = documents(MONITORING / "prometheus" / "prometheus.yml")
    job = read["scrape_configs"][0]
    [found] = job["dns_sd_configs"]
    assert (job["job_name"], set(found["names"])) == ("tams", set(DEPLOYABLES))
    assert [each["target_label"] for each in job["relabel_configs"]] == ["part"]
    for name in PARTS:
        environment = COMPOSE["services"][name]["environment"]
        assert environment["TAMS_METRICS_PORT"] == str(found["port"])
        assert environment["TAMS_METRICS_HOST"] == "0.0.0.0"


def test_observers_reach_each_other_by_name_and_port() -> None:
    folders = ("alertmanager", "grafana", "otel-collector", "prometheus")
    texts = "".join(path.read_text("utf-8") for name in folders for path in files(str(MONITORING / name)))
    for host in re.findall(r"(?:http://|\"|endpoint: )([a-z]+):\d+", texts):
        assert host in {*OBSERVERS, "localhost"}
    mounts = {
        volume.split(":")[0]: volume.split(":")[1] for volume in COMPOSE["services"]["grafana"]["volumes"]
    }
    [folder] = documents(MONITORING / "grafana" / "dashboards" / "tams.yaml")
    assert mounts["./k8s/monitoring/dashboards"] == folder["providers"][0]["options"]["path"]
    assert json.loads((ROOT / "k8s" / "monitoring" / "dashboards" / "overview.json").read_text("utf-8"))[
        "uid"
    ]


@pytest.mark.parametrize("name", SERVICES)
class TestComposeService:
    def test_a_service_builds_its_own_image(self, name: str) -> None:
        tables = {"TABLES": "vast"} if name.endswith("-vast") else {}
        assert SERVICES[name]["build"]["args"] == {"EXTRA": part_of(name), **tables}
        assert SERVICES[name]["image"] == f"tams-{name}"
        assert f"run-{part_of(name)}" in STAGES

    def test_a_service_is_read_only_and_has_no_capabilities(self, name: str) -> None:
        service = SERVICES[name]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]

    def test_a_service_publishes_its_port_on_loopback_only(self, name: str) -> None:
        for published in SERVICES[name].get("ports", []):
            host, outside, inside = published.split(":")
            assert (host, outside) == ("127.0.0.1", inside)
            assert instruction(f"run-{part_of(name)}", "EXPOSE") == [inside]

    def test_the_health_check_of_a_service_uses_its_port(self, name: str) -> None:
        check = " ".join(SERVICES[name]["healthcheck"]["test"])
        if name == "gateway":
            # It reads the port from the settings, and asks for the whole store.
            assert check == "CMD python -m gateway.probe /health"
            return
        assert re.findall(r"127\.0\.0\.1:(\d+)", check) == instruction(f"run-{part_of(name)}", "EXPOSE")

    def test_a_service_waits_for_existing_services(self, name: str) -> None:
        assert set(SERVICES[name].get("depends_on", {})) <= set(SERVICES)


@pytest.mark.parametrize("name", PARTS)
class TestComposeDeployable:
    def test_a_deployable_knows_its_environment(self, name: str) -> None:
        settings_of(part_of(name), SERVICES[name].get("environment", {}))

    def test_a_deployable_has_time_to_drain(self, name: str) -> None:
        settings = settings_of(part_of(name), SERVICES[name].get("environment", {}))
        allowed = float(SERVICES[name]["stop_grace_period"].removesuffix("s"))
        assert settings.drain_seconds + settings.grace_seconds < allowed

    def test_the_addresses_of_a_deployable_lead_to_its_peers(self, name: str) -> None:
        for variable, value in SERVICES[name].get("environment", {}).items():
            if variable.endswith("_ADDRESS"):
                [(peer, port)] = re.findall(r"^dns:///(\w+):(\d+)$", value)
                assert variable.endswith(f"_{peer.upper()}_ADDRESS")
                assert DEPLOYABLES[peer].Settings().port == int(port)
                assert set(SERVICES[peer]["networks"]) & set(SERVICES[name]["networks"])

    def test_a_deployable_has_every_address_that_it_can_read(self, name: str) -> None:
        module = DEPLOYABLES[part_of(name)]
        names = env_names(module.Settings, module.PREFIX)
        addresses = {env for field, env in names.items() if field.endswith("_address")}
        assert addresses <= set(SERVICES[name].get("environment", {}))

    def test_a_deployable_follows_the_settings_that_change_while_it_runs(self, name: str) -> None:
        settings = settings_of(part_of(name), SERVICES[name]["environment"])
        targets = {config["source"]: config["target"] for config in SERVICES[name]["configs"]}
        assert settings.runtime_file == targets["runtime"]

    def test_the_tables_of_a_deployable_are_on_a_volume(self, name: str) -> None:
        if name.endswith("-vast"):
            return
        url = SERVICES[name].get("environment", {}).get("TAMS_STORE_URL")
        if "store_url" in env_names(DEPLOYABLES[name].Settings, ""):
            assert url == "sqlite:////data/tams.db"
            assert SERVICES[name]["volumes"] == ["tables:/data"]
        else:
            assert url is None


def test_only_the_gateway_is_published_and_on_loopback_as_its_settings_assume() -> None:
    chosen = settings_of("gateway", SERVICES["gateway"]["environment"])
    assert chosen.unprotected
    assert [name for name in PARTS if SERVICES[name].get("ports")] == ["gateway"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["gateway"]["ports"])


def test_the_health_probe_is_a_module_of_the_project() -> None:
    for name in set(PARTS) - {"gateway"}:
        kind, python, flag, module, _ = SERVICES[name]["healthcheck"]["test"]
        assert (kind, python, flag) == ("CMD", "python", "-m")
        assert ROOT / f"{module.replace('.', '/')}.py" in files("services")


def test_variables_that_every_profile_needs_have_no_default() -> None:
    variables = re.findall(r"\$\{([^}]*)\}", COMPOSE_TEXT)
    given = {variable for variable in variables if ":-" in variable}
    assert {variable.partition(":-")[0] for variable in given} == {
        "OTLP_ENDPOINT", "RUNTIME_FILE", "VAST_STORE_URL", "VAST_SECRETS_DIR",
    }  # fmt: skip
    assert [variable for variable in set(variables) - given if not re.match(r"[A-Z_]+:\?.", variable)] == []


def test_every_volume_network_config_and_secret_is_declared() -> None:
    for kind in ("volumes", "networks", "configs", "secrets"):
        used = set()
        for service in COMPOSE["services"].values():
            for item in service.get(kind, []):
                used.add(item["source"] if isinstance(item, dict) else item.split(":")[0])
        used = {name for name in used if not name.startswith("./")}
        assert used == set(COMPOSE[kind])


def test_the_configs_are_files_of_the_project() -> None:
    for config in COMPOSE["configs"].values():
        assert (ROOT / UNSET.sub(r"\1", config["file"])).is_file()
