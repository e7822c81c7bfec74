"""Real video through real processes: the export equals the source, even if a part is killed."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from mediatimestamp import TimeRange

from client.api import ApiError, TamsClient
from client.essence.sample_clip.clip import Clip, write_clip
from client.export import export
from client.ingest import ingest
from tests.support.client.essence import CLIPS
from tests.support.client.round_trip import assert_same_media, assert_same_range
from tests.support.processes.system import PARTS, System, running_system

pytestmark = pytest.mark.slow

NS = 10**9
# The duration of the clip whose ingest is interrupted.
SECONDS = 30


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running_system(tmp_path_factory.mktemp("system") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "long.mp4"
    write_clip(path, Clip(Fraction(SECONDS), 320, 180))
    return path


@pytest.mark.parametrize("name", CLIPS)
async def test_an_export_equals_its_source_as_a_whole_and_in_parts(
    system: System, tmp_path: Path, name: str
) -> None:
    write_clip(tmp_path / "clip.mp4", CLIPS[name])
    async with TamsClient(system.url) as store:
        ingested = await ingest(store, tmp_path / "clip.mp4", segment_duration=2 * NS)
        await export(store, ingested.flow_id, tmp_path / "out.mp4")
        assert_same_media(tmp_path / "clip.mp4", tmp_path / "out.mp4")
        for part in ("[1:234000000_3:777000000)", "[2:0_4:0)"):
            await export(store, ingested.flow_id, tmp_path / "part.mp4", TimeRange.from_str(part))
            assert_same_range(tmp_path / "clip.mp4", tmp_path / "part.mp4", part)


async def test_an_ingest_describes_its_flows(system: System, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", CLIPS["25"])
    async with TamsClient(system.url) as store:
        ingested = await ingest(store, tmp_path / "clip.mp4", seed="known", segment_duration=2 * NS)
        whole = await store.flow(ingested.flow_id)
        assert [item.id for item in whole.flow_collection] == [flow.flow_id for flow in ingested.flows]
        video = await store.flow(ingested.flows[0].flow_id, include_timerange=True)
        assert video.timerange == TimeRange.from_str("[0:0_6:0)")
        assert video.collected_by == [ingested.flow_id]
        assert video.essence_parameters["frame_rate"] == {"numerator": 25, "denominator": 1}
        found = [str(s.timerange) async for s in store.segments(video.id)]
        assert found == ["[0:0_2:0)", "[2:0_4:0)", "[4:0_6:0)"]


def test_the_command_creates_ingests_and_exports_a_clip(system: System, tmp_path: Path) -> None:
    def tams(*words: str) -> str:
        command = [sys.executable, "-m", "client.cli", "--url", system.url, *words]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    tams("sample", "clip.mp4", "--seconds", "3")
    (ingested,) = json.loads(tams("ingest", "--json", "clip.mp4"))
    tams("export", ingested["flow_id"], "out.mp4")
    assert_same_media(tmp_path / "clip.mp4", tmp_path / "out.mp4")


@pytest.mark.parametrize("part", PARTS)
async def test_an_ingest_survives_a_killed_part(
    system: System, long_clip: Path, tmp_path: Path, part: str
) -> None:
    """After SIGKILL during a run, the run waits for the part and continues, or the next run does."""
    async with TamsClient(system.url) as store:
        killer = _Killer(system, part)
        with suppress(ApiError):  # the next run must complete it
            await ingest(store, long_clip, seed=part, segment_duration=NS, progress=killer)
        killer.join()
        system.healthy()
        ingested = await ingest(store, long_clip, seed=part, segment_duration=NS)
        await _assert_complete(store, ingested.flow_id, long_clip, tmp_path / "out.mp4")


async def test_an_ingest_of_a_killed_client_is_resumed(
    system: System, long_clip: Path, tmp_path: Path
) -> None:
    _ingest_killed_midway(system, long_clip)
    async with TamsClient(system.url) as store:
        ingested = await ingest(store, long_clip, seed="client", segment_duration=NS)
        assert 0 < sum(flow.added for flow in ingested.flows) < 2 * SECONDS
        await _assert_complete(store, ingested.flow_id, long_clip, tmp_path / "out.mp4")


def _ingest_killed_midway(system: System, long_clip: Path) -> None:
    script = (
        "import asyncio, signal, sys\n"
        "from pathlib import Path\n"
        "from client.api import TamsClient\n"
        "from client.ingest import ingest\n"
        "async def main():\n"
        "    async with TamsClient(sys.argv[1]) as store:\n"
        "        def say(stage, done, total):\n"
        "            if stage == 'sending' and done > total // 3:\n"
        "                print('in the middle', flush=True)\n"
        "                signal.pause()\n"
        "        await ingest(store, Path(sys.argv[2]), seed='client',"
        " segment_duration=10**9, progress=say)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", script, system.url, str(long_clip)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "in the middle\n"
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()


class _Killer:
    """A progress callback of an ingest that kills a part once, when a third of the media is sent."""

    def __init__(self, system: System, part: str) -> None:
        self._thread = threading.Thread(target=system.kill, args=(part,))
        self._started = False

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage == "sending" and done > total // 3 and not self._started:
            self._started = True
            self._thread.start()

    def join(self) -> None:
        assert self._started
        self._thread.join()


async def _assert_complete(store: TamsClient, flow_id: str, source: Path, out: Path) -> None:
    """Check that the segments have no gaps and different objects, and that the export equals the source."""
    whole = await store.flow(flow_id)
    for item in whole.flow_collection:
        segments = [segment async for segment in store.segments(item.id)]
        assert len(segments) == len({segment.object_id for segment in segments})
        for before, after in pairwise(segments):
            assert before.timerange.end == after.timerange.start
    await export(store, flow_id, out)
    assert_same_media(source, out)
