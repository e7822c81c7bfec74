"""The protos, the code generated from them, and the rules both must keep."""

import filecmp
import subprocess
import sys
from pathlib import Path

from tests.support.repository import ROOT, files

GENERATED = ROOT / "protos" / "gen"
TOOLS = Path(sys.executable).parent


def test_the_generated_code_is_fresh(tmp_path):
    flags = [f"--{kind}_out={tmp_path}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    plugins = [f"--plugin=protoc-gen-{name}={TOOLS / f'protoc-gen-{name}'}" for name in ("mypy", "mypy_grpc")]
    protos = [str(path.relative_to(ROOT)) for path in files("protos/tams/*.proto")]
    command = [sys.executable, "-m", "grpc_tools.protoc", "-Iprotos", *plugins, *flags, *protos]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    fresh = {path.relative_to(tmp_path): path for path in tmp_path.rglob("*.py*")}
    kept = {path.relative_to(GENERATED): path for path in files("protos/gen/*.py", "protos/gen/*.pyi")}
    assert kept.keys() == fresh.keys()
    assert [name for name in fresh if not filecmp.cmp(fresh[name], kept[name], shallow=False)] == []


def test_the_protos_keep_their_style():
    result = subprocess.run([TOOLS / "buf", "lint"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_every_call_says_what_may_go_wrong():
    for path in files("protos/tams/*_service.proto"):
        comment: list[str] = []
        for line in map(str.strip, path.read_text("utf-8").splitlines()):
            if line.startswith("rpc "):
                assert "// Errors:" in "\n".join(comment), f"{path.name}: {line}"
            comment = [*comment, line] if line.startswith("//") else []


def test_calls_that_only_read_are_marked_so():
    """Their mark is what makes them retried."""
    mark = "idempotency_level = NO_SIDE_EFFECTS;"
    for path in files("protos/tams/*_service.proto"):
        text = path.read_text("utf-8")
        for call in text.split("\n  rpc ")[1:]:
            name, body = call.split("(", 1)[0], call.split("\n  }", 1)[0].split("\n  //", 1)[0]
            if name.startswith(("Get", "List", "BatchGet")):
                assert mark in body, f"{path.name}: {name}"
