"""The tour of the README, pasted into a shell with a new store."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from tests.support.processes.programs import needed
from tests.support.processes.system import System
from tests.support.project.guides import blocks
from tests.support.project.repository import ROOT

pytestmark = [pytest.mark.slow, needed("bash", "curl")]

_COMMANDS, *TOUR = blocks("sh", ROOT / "README.md")
SECONDS = 120


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A new store."""
    new = System(tmp_path_factory.mktemp("tour") / "data")
    try:
        yield new.start().ready()
    finally:
        new.abandon()


def test_the_tour_works_as_pasted(system: System, tmp_path: Path) -> None:
    script = "\n".join(TOUR).replace("http://127.0.0.1:8000", system.url)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").write_text(f"PATH={Path(sys.executable).parent}:$PATH\n")
    env = {**os.environ, "TAMS_URL": system.url, "PYTHONPATH": str(ROOT)}
    pasted = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", script],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert pasted.returncode == 0, pasted.stderr + pasted.stdout
    assert '"timerange":"[0:0_' in pasted.stdout
    with av.open(tmp_path / "part.mp4") as part:
        assert [stream.type for stream in part.streams] == ["video", "audio"]
        assert part.duration == pytest.approx(10 * av.time_base, rel=0.01)
    with av.open(tmp_path / "first.ts") as first:
        assert [stream.type for stream in first.streams] == ["video"]
