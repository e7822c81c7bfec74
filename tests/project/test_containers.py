"""The Dockerfile and the compose file against the code."""

import json
import re
import tomllib

import pytest
import yaml

from docs.generate_settings import DEPLOYABLES
from services.shared.settings import env_names, from_env
from tests.support.repository import ROOT, files

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


def module_of(name):
    return DEPLOYABLES[name].__name__.removesuffix(".settings")


def settings_of(name, environment):
    """The settings that the deployable reads from that environment; a wrong name or value raises."""
    module = DEPLOYABLES[name]
    known = env_names(module.Settings, module.PREFIX).values()
    assert [one for one in environment if one not in known] == []
    return from_env(module.Settings, module.PREFIX, environment)


def instruction(stage, word):
    return re.findall(rf"^{word} (.*)$", STAGES[stage], re.MULTILINE)


@pytest.mark.parametrize("name", DEPLOYABLES)
class TestImage:
    def test_it_is_built_from_the_extra_of_its_name(self, name):
        assert name in EXTRAS
        assert DOCKERFILE.rstrip().endswith("FROM run-${EXTRA}")
        assert f"run-{name}" in STAGES

    def test_it_runs_the_deployables_module(self, name):
        assert json.loads(instruction(f"run-{name}", "CMD")[0]) == ["python", "-m", module_of(name)]

    def test_it_exposes_the_port_and_listens_on_every_address(self, name):
        environment = dict(pair.split("=", 1) for pair in instruction(f"run-{name}", "ENV"))
        settings = settings_of(name, environment)
        assert settings.host == "0.0.0.0"
        assert instruction(f"run-{name}", "EXPOSE") == [str(settings.port)]


def test_every_image_runs_without_rights_of_its_own():
    assert instruction("runtime", "USER") == ["10001:10001"]
    assert [stage for stage in STAGES if stage.startswith("run-") and instruction(stage, "USER")] == []


def test_dependencies_are_installed_from_the_locks_with_hashes():
    installs = re.findall(r"(?:pip install|uv build)(.*?)(?:&&|$)", STAGES["build"], re.MULTILINE)
    own = [one for one in installs if "--no-deps" in one]
    assert len(own) == 1
    assert [one for one in installs if one not in own and "--require-hashes" not in one] == []


def test_the_build_context_holds_what_the_wheel_needs():
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert all((ROOT / one).exists() for one in allowed)
    copied = {one for line in instruction("build", "COPY") for one in line.split()[:-1]} - {"."}
    assert copied <= allowed
    packages = {"services", "gateway", "client", "protos"}
    assert packages | {"pyproject.toml", "README.md", "LICENSE"} <= allowed


def test_compose_runs_every_deployable_and_object_storage():
    assert set(SERVICES) == {*DEPLOYABLES, "storage"}


@pytest.mark.parametrize("name", SERVICES)
class TestComposeService:
    def test_it_builds_its_own_image(self, name):
        assert SERVICES[name]["build"]["args"] == {"EXTRA": name}
        assert SERVICES[name]["image"] == f"tams-{name}"
        assert f"run-{name}" in STAGES

    def test_it_is_hardened(self, name):
        service = SERVICES[name]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]

    def test_it_publishes_on_loopback_alone(self, name):
        for published in SERVICES[name].get("ports", []):
            host, outside, inside = published.split(":")
            assert (host, outside) == ("127.0.0.1", inside)
            assert instruction(f"run-{name}", "EXPOSE") == [inside]

    def test_its_health_check_asks_its_own_port(self, name):
        check = " ".join(SERVICES[name]["healthcheck"]["test"])
        assert re.findall(r"127\.0\.0\.1:(\d+)", check) == instruction(f"run-{name}", "EXPOSE")

    def test_it_waits_for_services_that_exist(self, name):
        assert set(SERVICES[name].get("depends_on", {})) <= set(SERVICES)


@pytest.mark.parametrize("name", DEPLOYABLES)
class TestComposeDeployable:
    def test_its_environment_is_known_to_the_code(self, name):
        settings_of(name, SERVICES[name].get("environment", {}))

    def test_it_has_time_to_drain(self, name):
        settings = settings_of(name, SERVICES[name].get("environment", {}))
        allowed = float(SERVICES[name]["stop_grace_period"].removesuffix("s"))
        assert settings.drain_seconds + settings.grace_seconds < allowed

    def test_it_finds_its_peers(self, name):
        for variable, value in SERVICES[name].get("environment", {}).items():
            if variable.endswith("_ADDRESS"):
                [(peer, port)] = re.findall(r"^dns:///(\w+):(\d+)$", value)
                assert variable.endswith(f"_{peer.upper()}_ADDRESS")
                assert DEPLOYABLES[peer].Settings().port == int(port)
                assert set(SERVICES[peer]["networks"]) & set(SERVICES[name]["networks"])

    def test_every_address_it_can_be_told_is_told(self, name):
        module = DEPLOYABLES[name]
        names = env_names(module.Settings, module.PREFIX)
        asked = {env for field, env in names.items() if field.endswith("_address")}
        assert asked <= set(SERVICES[name].get("environment", {}))

    def test_its_tables_are_on_a_volume(self, name):
        url = SERVICES[name].get("environment", {}).get("TAMS_STORE_URL")
        if "store_url" in env_names(DEPLOYABLES[name].Settings, ""):
            assert url == "sqlite:////data/tams.db"
            assert SERVICES[name]["volumes"] == ["tables:/data"]
        else:
            assert url is None


def test_the_health_probe_is_a_module_of_ours():
    for name in DEPLOYABLES.keys() - {"gateway"}:
        kind, python, flag, module, _ = SERVICES[name]["healthcheck"]["test"]
        assert (kind, python, flag) == ("CMD", "python", "-m")
        assert ROOT / f"{module.replace('.', '/')}.py" in files("services")


def test_what_the_user_must_give_has_no_default():
    variables = re.findall(r"\$\{([^}]*)\}", COMPOSE_TEXT)
    assert variables
    assert [one for one in variables if not re.match(r"[A-Z_]+:\?.", one)] == []


def test_every_volume_network_config_and_secret_is_declared():
    for kind in ("volumes", "networks", "configs", "secrets"):
        used = set()
        for service in SERVICES.values():
            for one in service.get(kind, []):
                used.add(one["source"] if isinstance(one, dict) else one.split(":")[0])
        assert used == set(COMPOSE[kind])


def test_the_storage_configuration_is_a_file_here():
    assert (ROOT / COMPOSE["configs"]["storage"]["file"]).is_file()
