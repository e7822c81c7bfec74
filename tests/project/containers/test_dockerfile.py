"""Checks the Dockerfile against the code."""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest

from docs.generate_settings import DEPLOYABLES
from services.shared.process.settings import env_names, from_env
from tests.support.containers.dockerfile import DOCKERFILE, STAGES, health_check, instruction
from tests.support.project.repository import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def module_of(name: str) -> str:
    return DEPLOYABLES[name].__name__.removesuffix(".settings")


def settings_of(name: str, environment: Mapping[str, str]) -> Any:
    """The settings that a deployable reads from an environment. It must know all names."""
    module = DEPLOYABLES[name]
    assert environment.keys() - env_names(module.Settings, module.PREFIX).values() == set()
    return from_env(module.Settings, module.PREFIX, environment)


@pytest.mark.parametrize("name", DEPLOYABLES)
class TestImage:
    def test_an_image_is_built_from_the_extra_of_the_same_name(self, name: str) -> None:
        assert name in EXTRAS
        assert DOCKERFILE.rstrip().endswith("FROM run-${EXTRA}")
        assert f"run-{name}" in STAGES

    def test_an_image_runs_the_module_of_its_deployable(self, name: str) -> None:
        assert json.loads(instruction(f"run-{name}", "CMD")[0]) == ["python", "-m", module_of(name)]

    def test_an_image_exposes_its_port_and_listens_on_every_address(self, name: str) -> None:
        pairs = " ".join(instruction(f"run-{name}", "ENV")).split()
        environment = dict(pair.split("=", 1) for pair in pairs)
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


@pytest.mark.parametrize("name", [*DEPLOYABLES, "storage"])
def test_an_image_asks_itself_for_its_health_on_its_port(name: str) -> None:
    check = health_check(f"run-{name}")
    if name == "gateway":
        # It reads the port from the settings.
        assert check == ["python", "-m", "gateway.probe"]
    else:
        assert re.findall(r"127\.0\.0\.1:(\d+)", " ".join(check)) == instruction(f"run-{name}", "EXPOSE")


def test_images_are_labelled_with_what_they_are() -> None:
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', STAGES["runtime"]))
    assert labels["title"] == "tams-${EXTRA}"
    assert labels["licenses"] == PROJECT["license"]
    assert {"description", "version", "revision"} <= labels.keys()
    assert f"VERSION={PROJECT['version']}" in instruction("runtime", "ARG")
