"""docs/architecture.md against the tree."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement

from gateway.errors import STATUS
from services.shared import errors
from services.shared.rpc.status import code_of
from tests.support.repository import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SCHEMA = (ROOT / "services" / "metadata" / "adapters" / "sqlite" / "schema.sql").read_text("utf-8")


def section(title: str) -> str:
    [text] = re.findall(rf"^#+ {title}$(.*?)(?=^#+ |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


def test_every_dependency_has_its_reason_and_every_reason_its_dependency():
    project = PROJECT["project"]
    lines = [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    ]
    asked = {Requirement(line).name for line in [*lines, *PROJECT["build-system"]["requires"]]}
    rows = re.findall(r"^\| (`.*?) \| (.+) \|$", section("Dependencies"), re.MULTILINE)
    told = {name for names, reason in rows if reason for name in re.findall(r"`([^`]+)`", names)}
    assert told == asked - {project["name"]}


@pytest.mark.parametrize("kind", errors.TamsError.__subclasses__(), ids=lambda kind: kind.__name__)
def test_the_error_table_is_that_of_the_code(kind):
    if kind.__module__ != errors.__name__:
        return
    [(code, status)] = re.findall(rf"^\| {kind.__name__} \| (\w+) \| (\d+)", section("Errors"), re.MULTILINE)
    assert code == code_of(kind("")).name
    assert int(status) == STATUS[kind]


def test_every_table_is_described():
    names = re.findall(r"^\| (`.*?) \|", section("Tables"), re.MULTILINE)
    described = {name for row in names for name in re.findall(r"`([a-z_]+)`", row)}
    assert described == set(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", SCHEMA))


def test_every_part_is_described():
    parts = {f"{path.parent.relative_to(ROOT)}/" for path in (ROOT / "services").glob("*/__init__.py")}
    described = set(re.findall(r"^\| `([\w/]+/)` \|", section("Parts"), re.MULTILINE))
    assert described == parts | {"gateway/", "client/", "protos/tams/"}
