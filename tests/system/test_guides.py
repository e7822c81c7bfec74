"""The guides of docs/guides, pasted block by block, with a running store."""

import functools
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import pytest

from tests.support.processes.programs import needed
from tests.support.processes.system import System
from tests.support.project.guides import blocks
from tests.support.project.repository import ROOT

FOLDER = ROOT / "docs" / "guides"
SETUP = "README.md"
GUIDES = [
    SETUP, "searching.md", "playback.md", "streaming.md", "writing.md", "loop-recording.md", "logging-in.md",
]  # fmt: skip
URL = "http://127.0.0.1:8000"
SECONDS = 200
# Players are not installed everywhere, and one opens a window. A test below checks their input instead.
PLAYERS = ("ffmpeg", "ffplay")
# Lists that only show something are left out, as each start of the command takes half a second. tests/project
# checks their options.
LISTS = re.compile(r"^tams (flows|segments|stats) (?:\\\n|[^|>\n\\])*$", re.MULTILINE)

pytestmark = [pytest.mark.slow, needed("bash", "curl", "jq")]

Ran = subprocess.CompletedProcess[str]


class Reader:
    """A reader who pastes blocks into a shell and a Python prompt, in one folder."""

    def __init__(self, system: System, folder: Path) -> None:
        self._folder = folder
        self._url = system.url
        tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._env = {**os.environ, "PATH": tools, "TAMS_URL": system.url, "PYTHONPATH": str(ROOT)}

    def shell(self, page: Path) -> Ran:
        pasted = [LISTS.sub("", block) for block in blocks("sh", page) if not block.startswith(PLAYERS)]
        return self._paste(["bash", "-eu", "-o", "pipefail"], pasted)

    def python(self, pages: Sequence[Path]) -> Ran:
        return self._paste([sys.executable, "-m", "asyncio"], blocks("python", *pages))

    def _paste(self, command: list[str], pasted: list[str]) -> Ran:
        return subprocess.run(
            command,
            input="\n".join([*pasted, ""]).replace(URL, self._url),
            env=self._env,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the reader works."""
    return tmp_path_factory.mktemp("guides")


@pytest.fixture(scope="module")
def reader(system: System, folder: Path) -> Reader:
    return Reader(system, folder)


@pytest.fixture(scope="module")
def shell(reader: Reader) -> Callable[[str], Ran]:
    """A function that pastes the shell examples of a guide once, after the set-up."""

    @functools.cache
    def ran(name: str) -> Ran:
        if name != SETUP:
            ran(SETUP)
        return reader.shell(FOLDER / name)

    return ran


def test_every_guide_is_listed() -> None:
    assert set(GUIDES) == {path.name for path in FOLDER.glob("*.md")}


@pytest.mark.parametrize("name", GUIDES)
def test_the_shell_examples_run_as_pasted(shell: Callable[[str], Ran], name: str) -> None:
    ran = shell(name)
    assert ran.returncode == 0, ran.stderr + ran.stdout


def test_the_python_examples_run_as_pasted(shell: Callable[[str], Ran], reader: Reader) -> None:
    # A Python example uploads a file that shell examples write.
    shell("writing.md")
    ran = reader.python([FOLDER / name for name in GUIDES])
    assert "Error" not in ran.stderr, ran.stderr
    assert "Traceback" not in ran.stderr, ran.stderr
    # The comparisons in the guides print True.
    assert "True" in ran.stdout
    assert "False" not in ran.stdout


def test_players_get_the_requested_range(shell: Callable[[str], Ran], folder: Path) -> None:
    """The range ends at 18:27:45, in media from 18:27:36 on with segments of four seconds, 25 frames each."""
    shell("playback.md")
    assert frames(folder / "camera3.ts") == 3 * 4 * 25
    assert frames(folder / "camera3.ffconcat", "concat") == 3 * 4 * 25
    with av.open(folder / "camera3.mp4") as exported:
        assert [stream.type for stream in exported.streams] == ["video", "audio"]
        assert exported.duration == pytest.approx(9 * av.time_base, rel=0.01)


def test_the_shell_examples_print_what_the_guides_show(shell: Callable[[str], Ran]) -> None:
    assert " Camera 3 video/h264 320x180\n" in shell("searching.md").stdout
    assert "[6:0_10:0) SEGMENT_OVERLAP\n" in shell("writing.md").stdout
    assert re.search(r"^\d{5,} bytes$", shell("streaming.md").stdout, re.MULTILINE)


def frames(path: Path, form: str | None = None) -> int:
    allowed = {"safe": "0", "protocol_whitelist": "file,http,tcp"} if form else {}
    with av.open(path, options=allowed, format=form) as media:
        return sum(packet.dts is not None for packet in media.demux(video=0))
