"""Checks the protos, the code generated from them, and their rules."""

import filecmp
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project.repository import ROOT, files

GENERATED = ROOT / "protos" / "gen"
TOOLS = Path(sys.executable).parent


def test_the_generated_code_is_up_to_date(tmp_path: Path) -> None:
    flags = [f"--{kind}_out={tmp_path}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    plugins = [f"--plugin=protoc-gen-{name}={TOOLS / f'protoc-gen-{name}'}" for name in ("mypy", "mypy_grpc")]
    protos = [str(path.relative_to(ROOT)) for path in files("protos/tams/*.proto")]
    command = [sys.executable, "-m", "grpc_tools.protoc", "-Iprotos", *plugins, *flags, *protos]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    fresh = {path.relative_to(tmp_path): path for path in tmp_path.rglob("*.py*")}
    kept = {path.relative_to(GENERATED): path for path in files("protos/gen/*.py", "protos/gen/*.pyi")}
    assert kept.keys() == fresh.keys()
    assert [name for name in fresh if not filecmp.cmp(fresh[name], kept[name], shallow=False)] == []


def test_the_protos_pass_the_style_check() -> None:
    result = subprocess.run([TOOLS / "buf", "lint"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_every_call_lists_its_errors() -> None:
    for path in files("protos/tams/*_service.proto"):
        comment: list[str] = []
        for line in map(str.strip, path.read_text("utf-8").splitlines()):
            if line.startswith("rpc "):
                assert "// Errors:" in "\n".join(comment), f"{path.name}: {line}"
            comment = [*comment, line] if line.startswith("//") else []


def test_calls_that_only_read_are_marked() -> None:
    """The mark makes clients retry a call."""
    mark = "idempotency_level = NO_SIDE_EFFECTS;"
    for path in files("protos/tams/*_service.proto"):
        text = path.read_text("utf-8")
        for call in text.split("\n  rpc ")[1:]:
            name, body = call.split("(", 1)[0], call.split("\n  }", 1)[0].split("\n  //", 1)[0]
            if name.startswith(("Get", "List", "BatchGet")):
                assert mark in body, f"{path.name}: {name}"


# Reasons that any call may answer, because of the engine and not of the call.
ANY_CALL = {
    "OUTCOME_UNKNOWN", "STORE_UNAVAILABLE", "STORE_REFUSED", "QUERIES_WAITING", "REQUESTS_WAITING",
    "WRITES_WAITING",
}  # fmt: skip
# Modules that name kinds of inconsistencies, which are no errors.
CONSISTENCY = {"consistency.py", "contradictions.py", "walking.py"}


@pytest.mark.parametrize(
    ("service", "packages"),
    [("metadata", ("metadata", "event", "access")), ("media", ("media",)), ("analytics", ("analytics",))],
)
def test_every_reason_in_the_code_is_documented(service: str, packages: tuple[str, ...]) -> None:
    """Each text in the form of a reason must stand in the comments of the protos."""
    protos = "".join(
        path.read_text("utf-8") for package in packages for path in files(f"protos/tams/{package}/v1/*")
    )
    raised = {
        reason
        for layer in ("application", "domain", "servicers")
        for path in files(f"services/{service}/{layer}/*.py")
        if path.name not in CONSISTENCY
        for reason in re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', path.read_text("utf-8"))
    }
    assert {reason for reason in raised - ANY_CALL if f" {reason}" not in protos} == set()
