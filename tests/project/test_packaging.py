"""Checks the content of the wheel and the pins of the lock files."""

import re
import tomllib
import zipfile

import pytest
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.project.repository import ROOT, files

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
OWN = canonicalize_name(PROJECT["project"]["name"])


def locked(name: str) -> dict[str, str]:
    pins = re.findall(
        r"^([A-Za-z0-9._-]+)(?:\[[^]]*])?==([^ ;\\]+)", (ROOT / name).read_text("utf-8"), re.MULTILINE
    )
    return {canonicalize_name(package): version for package, version in pins}


def requirements() -> list[Requirement]:
    project = PROJECT["project"]
    groups = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        PROJECT["build-system"]["requires"],
    ]
    wanted = [Requirement(line) for group in groups for line in group]
    wanted += map(Requirement, PROJECT["build-system"]["requires"])
    return [requirement for requirement in wanted if canonicalize_name(requirement.name) != OWN]


def test_the_lock_pins_every_dependency() -> None:
    pins = locked("requirements.lock")
    for requirement in requirements():
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{name} is not locked: run make lock"
        fits = requirement.specifier.contains(pins[name], prereleases=True)
        assert fits, f"{requirement} is locked at {pins[name]}"


def test_both_locks_pin_the_same_installer() -> None:
    assert locked(".ci/uv.lock") == {"uv": locked("requirements.lock")["uv"]}


def test_each_package_is_locked_with_hashes() -> None:
    for name in ("requirements.lock", ".ci/uv.lock"):
        for entry in re.split(r"\n(?=[A-Za-z])", (ROOT / name).read_text("utf-8").strip()):
            assert "--hash=sha256:" in entry, f"{name}: {entry.splitlines()[0]}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    built = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel"))))
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def test_the_wheel_has_all_code(wheel: set[str]) -> None:
    own = files("services/*", "gateway/*", "client/*")
    generated = files("protos/gen/tams/*")
    wanted = {str(path.relative_to(ROOT)) for path in own}
    wanted |= {str(path.relative_to(ROOT / "protos" / "gen")) for path in generated}
    assert wanted - wheel == set()


def test_the_wheel_has_the_schema_the_license_and_type_markers(wheel: set[str]) -> None:
    assert {"tams/py.typed", "client/py.typed", "services/metadata/adapters/sqlite/file/schema.sql"} <= wheel
    assert any(name.endswith("licenses/LICENSE") for name in wheel)


def test_the_wheel_has_nothing_else(wheel: set[str]) -> None:
    roots = {name.split("/", 1)[0] for name in wheel}
    version = PROJECT["project"]["version"]
    assert roots == {"services", "gateway", "client", "tams", f"tams_server-{version}.dist-info"}
    assert [name for name in wheel if name.endswith((".pyc", ".db", ".lock"))] == []
