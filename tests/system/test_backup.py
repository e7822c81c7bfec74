"""The recipes of docs/backup.md, pasted into a shell with a local store."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.metadata.flows import a_flow, flow_id
from tests.support.processes.system import System
from tests.support.project.guides import blocks
from tests.support.project.repository import ROOT

pytestmark = pytest.mark.slow

BACK_UP, RESTORE = blocks("sh", ROOT / "docs" / "backup.md")


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    new = System(tmp_path / "data")
    try:
        yield new.start().ready()
    finally:
        new.abandon()


def paste(recipe: str, system: System) -> None:
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TAMS_")}
    env = {**inherited, "PATH": tools, "TAMS_DATA_DIR": str(system.data_dir)}
    subprocess.run(["sh", "-eu", "-c", recipe], cwd=system.data_dir.parent, env=env, check=True)


def put(system: System, number: int) -> None:
    document = a_flow(number)
    httpx.put(f"{system.url}/flows/{document['id']}", json=document).raise_for_status()


def flows(system: System) -> set[str]:
    return {flow["id"] for flow in httpx.get(f"{system.url}/flows").json()}


def test_a_backup_of_a_running_store_is_restored(system: System) -> None:
    put(system, 1)
    paste(BACK_UP, system)
    put(system, 2)
    assert flows(system) == {flow_id(1), flow_id(2)}
    assert system.stop() == 0
    paste(RESTORE, system)
    system.start().ready()
    assert flows(system) == {flow_id(1)}
    put(system, 3)
    assert flows(system) == {flow_id(1), flow_id(3)}
