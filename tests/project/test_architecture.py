"""Checks docs/architecture.md and docs/decisions against the code."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from gateway.errors import STATUS
from services.shared import errors
from services.shared.rpc.status import code_of
from tests.support.project.repository import ROOT, files

DOCS = ROOT / "docs"
DECISIONS = sorted(path.name for path in (DOCS / "decisions").glob("*.md") if path.name != "README.md")
TRACKED = [f"/{path.relative_to(ROOT)}" for path in files()]
MOST_LINES = 150
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SCHEMA = (ROOT / "services" / "metadata" / "adapters" / "sqlite" / "file" / "schema.sql").read_text("utf-8")


def section(title: str, page: str = "architecture.md") -> str:
    text = (DOCS / page).read_text("utf-8")
    [found] = re.findall(rf"^#+ {title}$(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_architecture_page_is_short() -> None:
    assert len((DOCS / "architecture.md").read_text("utf-8").splitlines()) < MOST_LINES


def test_each_decision_is_in_the_index() -> None:
    index = (DOCS / "decisions" / "README.md").read_text("utf-8")
    assert sorted(re.findall(r"^\| \[[^]]+\]\(([^)]+)\) \|", index, re.MULTILINE)) == DECISIONS


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_has_a_context_and_a_choice(name: str) -> None:
    text = (DOCS / "decisions" / name).read_text("utf-8")
    parts = re.findall(r"^\*\*(Context|Choice|Measured|Dropped)[.*]", text, re.MULTILINE)
    assert parts[:2] == ["Context", "Choice"]
    assert text.startswith("# ")


@pytest.mark.parametrize("page", [path.relative_to(DOCS) for path in DOCS.rglob("*.md")], ids=str)
def test_a_page_names_only_existing_files(page: Path) -> None:
    text = (DOCS / page).read_text("utf-8")
    named = re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|sql|proto|yaml|json|toml))`", text)
    assert [name for name in named if not any(path.endswith(f"/{name}") for path in TRACKED)] == []


def test_the_dependencies_and_their_reasons_match() -> None:
    project = PROJECT["project"]
    lines = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    required = {Requirement(line).name for line in [*lines, *PROJECT["build-system"]["requires"]]}
    rows = re.findall(r"^\| (`.*?) \| (.+) \|$", section("Dependencies"), re.MULTILINE)
    explained = {name for names, reason in rows if reason for name in re.findall(r"`([^`]+)`", names)}
    for path in TRACKED:
        if path.endswith("/package.json"):
            required |= json.loads((ROOT / path.removeprefix("/")).read_text("utf-8"))["dependencies"].keys()
    assert explained == required - {project["name"]}


@pytest.mark.parametrize("kind", errors.TamsError.__subclasses__(), ids=lambda kind: kind.__name__)
def test_the_error_table_matches_the_code(kind: type[errors.TamsError]) -> None:
    if kind.__module__ != errors.__name__:
        return
    [(code, status)] = re.findall(
        rf"^\| {kind.__name__} \| (\w+) \| (\d+)", section("Errors", "decisions/errors.md"), re.MULTILINE
    )
    assert code == code_of(kind("")).name
    assert int(status) == STATUS[kind]


def test_every_table_is_described() -> None:
    names = re.findall(r"^\| (`.*?) \|", section("Tables", "decisions/tables.md"), re.MULTILINE)
    described = {name for row in names for name in re.findall(r"`([a-z_]+)`", row)}
    assert described == set(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", SCHEMA))


def test_every_part_is_described() -> None:
    parts = {f"{path.parent.relative_to(ROOT)}/" for path in (ROOT / "services").glob("*/__init__.py")}
    described = set(re.findall(r"^\| `([\w/]+/)` \|", section("Parts"), re.MULTILINE))
    assert described == parts | {"gateway/", "client/", "protos/tams/"}
