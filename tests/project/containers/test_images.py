"""Checks the Dockerfile and the compose file against the code."""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from docs.generate_settings import DEPLOYABLES
from services.shared.process.settings import env_names, from_env
from tests.support.project.repository import ROOT, files

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", "")
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
STAGES = {
    found[1]: stage
    for stage in re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    if (found := re.match(r"\S+ AS (\S+)", stage))
}
SERVICES = COMPOSE["services"]


def module_of(name: str) -> str:
    return DEPLOYABLES[name].__name__.removesuffix(".settings")


def settings_of(name: str, environment: Mapping[str, str]) -> Any:
    """The settings that a deployable reads from an environment. It must know all names."""
    module = DEPLOYABLES[name]
    known = env_names(module.Settings, module.PREFIX).values()
    assert [variable for variable in environment if variable not in known] == []
    return from_env(module.Settings, module.PREFIX, environment)


def instruction(stage: str, word: str) -> list[str]:
    return re.findall(rf"^{word} (.*)$", STAGES[stage], re.MULTILINE)


@pytest.mark.parametrize("name", DEPLOYABLES)
class TestImage:
    def test_an_image_is_built_from_the_extra_of_the_same_name(self, name: str) -> None:
        assert name in EXTRAS
        assert DOCKERFILE.rstrip().endswith("FROM run-${EXTRA}")
        assert f"run-{name}" in STAGES

    def test_an_image_runs_the_module_of_its_deployable(self, name: str) -> None:
        assert json.loads(instruction(f"run-{name}", "CMD")[0]) == ["python", "-m", module_of(name)]

    def test_an_image_exposes_its_port_and_listens_on_every_address(self, name: str) -> None:
        environment = dict(pair.split("=", 1) for pair in instruction(f"run-{name}", "ENV"))
        settings = settings_of(name, environment)
        assert settings.host == "0.0.0.0"
        assert instruction(f"run-{name}", "EXPOSE") == [str(settings.port)]


def test_every_image_runs_as_an_unprivileged_user() -> None:
    assert instruction("runtime", "USER") == ["10001:10001"]
    assert [stage for stage in STAGES if stage.startswith("run-") and instruction(stage, "USER")] == []


def test_dependencies_are_installed_from_lock_files_with_hashes() -> None:
    installs = re.findall(r"(?:pip install|uv build)(.*?)(?:&&|$)", STAGES["build"], re.MULTILINE)
    own = [line for line in installs if "--no-deps" in line]
    assert len(own) == 1
    assert [line for line in installs if line not in own and "--require-hashes" not in line] == []


def test_the_build_context_has_all_files_of_the_wheel() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert all((ROOT / path).exists() for path in allowed)
    copied = {path for line in instruction("build", "COPY") for path in line.split()[:-1]} - {"."}
    assert copied <= allowed
    packages = {"services", "gateway", "client", "protos"}
    assert packages | {"pyproject.toml", "README.md", "LICENSE"} <= allowed


def test_object_storage_runs_behind_its_protection() -> None:
    command = json.loads(instruction("run-storage", "CMD")[0])
    assert command[:4] == ["python", "-m", "client.local.storage.protection", "weed"]
    assert "-disableHttp" in command


def test_compose_runs_every_deployable_and_object_storage() -> None:
    assert set(SERVICES) == {*DEPLOYABLES, "storage"}


@pytest.mark.parametrize("name", SERVICES)
class TestComposeService:
    def test_a_service_builds_its_own_image(self, name: str) -> None:
        assert SERVICES[name]["build"]["args"] == {"EXTRA": name}
        assert SERVICES[name]["image"] == f"tams-{name}"
        assert f"run-{name}" in STAGES

    def test_a_service_is_read_only_and_has_no_capabilities(self, name: str) -> None:
        service = SERVICES[name]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]

    def test_a_service_publishes_its_port_on_loopback_only(self, name: str) -> None:
        for published in SERVICES[name].get("ports", []):
            host, outside, inside = published.split(":")
            assert (host, outside) == ("127.0.0.1", inside)
            assert instruction(f"run-{name}", "EXPOSE") == [inside]

    def test_the_health_check_of_a_service_uses_its_port(self, name: str) -> None:
        check = " ".join(SERVICES[name]["healthcheck"]["test"])
        assert re.findall(r"127\.0\.0\.1:(\d+)", check) == instruction(f"run-{name}", "EXPOSE")

    def test_a_service_waits_for_existing_services(self, name: str) -> None:
        assert set(SERVICES[name].get("depends_on", {})) <= set(SERVICES)


@pytest.mark.parametrize("name", DEPLOYABLES)
class TestComposeDeployable:
    def test_a_deployable_knows_its_environment(self, name: str) -> None:
        settings_of(name, SERVICES[name].get("environment", {}))

    def test_a_deployable_has_time_to_drain(self, name: str) -> None:
        settings = settings_of(name, SERVICES[name].get("environment", {}))
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
        module = DEPLOYABLES[name]
        names = env_names(module.Settings, module.PREFIX)
        addresses = {env for field, env in names.items() if field.endswith("_address")}
        assert addresses <= set(SERVICES[name].get("environment", {}))

    def test_the_tables_of_a_deployable_are_on_a_volume(self, name: str) -> None:
        url = SERVICES[name].get("environment", {}).get("TAMS_STORE_URL")
        if "store_url" in env_names(DEPLOYABLES[name].Settings, ""):
            assert url == "sqlite:////data/tams.db"
            assert SERVICES[name]["volumes"] == ["tables:/data"]
        else:
            assert url is None


def test_only_the_gateway_is_published_and_on_loopback_as_its_settings_assume() -> None:
    chosen = settings_of("gateway", SERVICES["gateway"]["environment"])
    assert chosen.unprotected
    assert [name for name in DEPLOYABLES if SERVICES[name].get("ports")] == ["gateway"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["gateway"]["ports"])


def test_the_health_probe_is_a_module_of_the_project() -> None:
    for name in DEPLOYABLES.keys() - {"gateway"}:
        kind, python, flag, module, _ = SERVICES[name]["healthcheck"]["test"]
        assert (kind, python, flag) == ("CMD", "python", "-m")
        assert ROOT / f"{module.replace('.', '/')}.py" in files("services")


def test_required_variables_have_no_default() -> None:
    variables = re.findall(r"\$\{([^}]*)\}", COMPOSE_TEXT)
    assert variables
    assert [variable for variable in variables if not re.match(r"[A-Z_]+:\?.", variable)] == []


def test_every_volume_network_config_and_secret_is_declared() -> None:
    for kind in ("volumes", "networks", "configs", "secrets"):
        used = set()
        for service in SERVICES.values():
            for item in service.get(kind, []):
                used.add(item["source"] if isinstance(item, dict) else item.split(":")[0])
        assert used == set(COMPOSE[kind])


def test_the_storage_configuration_is_a_file_of_the_project() -> None:
    assert (ROOT / COMPOSE["configs"]["storage"]["file"]).is_file()
