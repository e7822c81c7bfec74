"""Checks that importing the product changes nothing in the process. Settings are applied at the start."""

import subprocess
import sys

import pytest

from tests.support.project.repository import ROOT

# Reports what the import of all modules changed: the environment, levels of loggers, methods of the SDK.
PROGRAM = """
import importlib, logging, os, pathlib, sys
from vastdb._internal import VastdbApi

def state():
    levels = {name: logging.getLogger(name).level for name in ("", "vastdb", "backoff", "grpc", "botocore")}
    return dict(os.environ), levels, dict(vars(VastdbApi))

before = state()
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.py")):
    if path.name == "__main__.py":
        continue
    name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    importlib.import_module(name)
assert "services.vast_client.connections.connections" in sys.modules or sys.argv[1] != "services"
print([kind for kind, old, new in zip(("environment", "levels", "SDK"), before, state()) if old != new])
"""


@pytest.mark.parametrize("package", ["services", "gateway", "client"])
def test_imports_have_no_effects(package: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, package],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
