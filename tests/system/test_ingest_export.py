"""Real video through real processes: what comes out is what went in, whatever dies on the way."""

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
from client.essence.sample import Clip, sample
from client.export import export
from client.ingest import ingest
from tests.support.media import CLIPS
from tests.support.round_trip import assert_same_media, assert_same_stretch
from tests.support.system import PARTS, System, running_system

pytestmark = pytest.mark.slow

NS = 10**9
# Of the clip whose ingest is disturbed.
SECONDS = 30


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running_system(tmp_path_factory.mktemp("system") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "long.mp4"
    sample(path, Clip(Fraction(SECONDS), 320, 180))
    return path


@pytest.mark.parametrize("name", CLIPS)
async def test_a_clip_comes_back_whole_and_in_parts(system, tmp_path, name):
    sample(tmp_path / "clip.mp4", CLIPS[name])
    async with TamsClient(system.url) as store:
        ingested = await ingest(store, tmp_path / "clip.mp4", segment_duration=2 * NS)
        await export(store, ingested.flow_id, tmp_path / "out.mp4")
        assert_same_media(tmp_path / "clip.mp4", tmp_path / "out.mp4")
        for part in ("[1:234000000_3:777000000)", "[2:0_4:0)"):
            await export(store, ingested.flow_id, tmp_path / "part.mp4", TimeRange.from_str(part))
            assert_same_stretch(tmp_path / "clip.mp4", tmp_path / "part.mp4", part)


async def test_the_store_knows_what_was_ingested(system, tmp_path):
    sample(tmp_path / "clip.mp4", CLIPS["25"])
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


def test_the_command_makes_stores_and_exports_a_clip(system, tmp_path):
    def tams(*words: str) -> str:
        command = [sys.executable, "-m", "client.cli", "--url", system.url, *words]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    tams("sample", "clip.mp4", "--seconds", "3")
    (told,) = json.loads(tams("ingest", "--json", "clip.mp4"))
    tams("export", told["flow_id"], "out.mp4")
    assert_same_media(tmp_path / "clip.mp4", tmp_path / "out.mp4")


@pytest.mark.parametrize("part", PARTS)
async def test_an_ingest_survives_the_death_of_a_part(system, long_clip, tmp_path, part):
    """kill -9 in the middle: the run waits for the part to be back and goes on, or the next run does."""
    async with TamsClient(system.url) as store:
        killer = _Killer(system, part)
        with suppress(ApiError):  # the next run must put it right
            await ingest(store, long_clip, seed=part, segment_duration=NS, progress=killer)
        killer.join()
        system.healthy()
        ingested = await ingest(store, long_clip, seed=part, segment_duration=NS)
        await _assert_complete(store, ingested.flow_id, long_clip, tmp_path / "out.mp4")


async def test_a_killed_client_is_resumed(system, long_clip, tmp_path):
    _ingest_killed_midway(system, long_clip)
    async with TamsClient(system.url) as store:
        ingested = await ingest(store, long_clip, seed="client", segment_duration=NS)
        assert 0 < sum(flow.added for flow in ingested.flows) < 2 * SECONDS
        await _assert_complete(store, ingested.flow_id, long_clip, tmp_path / "out.mp4")


def _ingest_killed_midway(system, long_clip):
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
    assert process.stdout.readline() == "in the middle\n"
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()


class _Killer:
    """Kills a part once, when a third of the media is sent; hears the progress of an ingest."""

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
    """Each second is there once, every object is there, and the export equals the source."""
    whole = await store.flow(flow_id)
    for item in whole.flow_collection:
        segments = [segment async for segment in store.segments(item.id)]
        assert len(segments) == len({segment.object_id for segment in segments})
        for before, after in pairwise(segments):
            assert before.timerange.end == after.timerange.start
    await export(store, flow_id, out)
    assert_same_media(source, out)
