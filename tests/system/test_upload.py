"""Files through a real store: small ones, large ones in parts, and the command `tams upload`."""

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mediatimestamp import TimeRange

from client.api import NewSegment, TamsClient, UploadRules
from client.api.uploads.rules import MIB
from client.essence.sample_clip.clip import write_clip
from client.upload import Labels, Outcome, State, Uploading, plan
from client.upload.storing import Storing
from client.upload.uploading import Report
from tests.support.client.essence import CLIPS, remuxed
from tests.support.processes.system import System, running_system
from tests.support.services.gateway import a_flow

pytestmark = pytest.mark.slow

RULES = UploadRules(threshold=6 * MIB, part_bytes=5 * MIB)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running_system(tmp_path_factory.mktemp("system") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_clip(path, CLIPS["25"])
    return path


def random_file(path: Path, size: int) -> Path:
    path.write_bytes(random.Random(size).randbytes(size))
    return path


async def stored_bytes(store: TamsClient, flow_id: str) -> bytes:
    """The object of a flow with one segment."""
    (segment,) = [segment async for segment in store.segments(flow_id)]
    return await store.download(segment.get_urls[0].url)


async def ended(uploading: Uploading, *paths: Path) -> list[Outcome]:
    """The outcomes of all files."""

    @contextmanager
    def quietly(_path: Path) -> Iterator[Report]:
        yield lambda _stage, _done, _total: None

    return [outcome async for outcome in uploading.run(paths, 2, quietly)]


async def test_an_upload_in_parts_continues_after_it_was_cancelled(system: System, tmp_path: Path) -> None:
    path = random_file(tmp_path / "large", 17 * MIB)
    async with TamsClient(system.url) as store:
        flow = a_flow()
        await store.put_flow(flow)
        (allocated,) = await store.allocate_storage(flow["id"], object_ids=["takes/first/camera 1"])

        def cancel(sent: int, _total: int) -> None:
            if sent > 12 * MIB:
                task.cancel()

        rules = UploadRules(threshold=6 * MIB, part_bytes=5 * MIB, parallel=1)
        task = asyncio.ensure_future(store.files.upload(allocated, path, rules, cancel))
        with pytest.raises(asyncio.CancelledError):
            await task
        (begun,) = await store.uploads.open(allocated.object_id)
        parts = [part async for part in store.uploads.parts(allocated.object_id, begun.upload_id)]
        assert [part.size for part in parts] == [5 * MIB, 5 * MIB]

        await store.files.upload(allocated, path, RULES)

        assert await store.uploads.open(allocated.object_id) == []
        whole = TimeRange.from_str("[0:0_1:0)")
        await store.create_segments(flow["id"], [NewSegment(object_id=allocated.object_id, timerange=whole)])
        assert await stored_bytes(store, flow["id"]) == path.read_bytes()


async def test_files_are_stored_as_they_are_and_only_once(system: System, clip: Path, tmp_path: Path) -> None:
    large = random_file(tmp_path / "large.bin", 11 * MIB)
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(clip.read_bytes())
    sound = remuxed(clip, tmp_path / "sound.ts", ["audio"])
    files = (clip, large, sound)
    async with TamsClient(system.url) as store:
        labels = Labels(source="Camera 1", tags={"shoot": "1"})
        outcomes = {
            o.path: o for o in await ended(Uploading(store, labels, RULES, any_file=True), *files, copy)
        }
        assert {o.state for o in outcomes.values() if o.path in files} == {State.STORED}
        assert outcomes[copy].state is State.LEFT_OUT
        for path in files:
            plan = outcomes[path].plan
            assert plan is not None
            assert await stored_bytes(store, plan.flow_id) == path.read_bytes()
            flow = await store.flow(plan.flow_id, include_timerange=True)
            assert flow.timerange == plan.timerange
            assert flow.tags["flow_status"] == "closed_complete"
            assert "upload_object" not in flow.tags
            assert (await store.source(flow.source_id)).label == "Camera 1"

        again = await ended(Uploading(store, labels, RULES, any_file=True), *files)
        assert {outcome.state for outcome in again} == {State.LEFT_OUT}


async def test_a_later_run_continues_the_object_of_an_interrupted_one(system: System, tmp_path: Path) -> None:
    path = random_file(tmp_path / "take.bin", 16 * MIB)
    async with TamsClient(system.url) as store:
        rules = UploadRules(threshold=6 * MIB, part_bytes=5 * MIB, parallel=1)
        storing = Storing(store, plan(path, Labels(), any_file=True), rules)
        assert not await storing.is_stored()

        def cancel(sent: int, _total: int) -> None:
            if sent > 6 * MIB:
                task.cancel()

        task = asyncio.ensure_future(storing.store(cancel))
        with pytest.raises(asyncio.CancelledError):
            await task
        made = plan(path, Labels(), any_file=True)
        begun = (await store.flow(made.flow_id)).tags["upload_object"]

        (outcome,) = await ended(Uploading(store, Labels(), RULES, any_file=True), path)

        assert outcome.state is State.STORED
        (segment,) = [segment async for segment in store.segments(made.flow_id)]
        assert segment.object_id == begun
        assert await stored_bytes(store, made.flow_id) == path.read_bytes()


def test_the_command_stores_the_good_files_of_a_folder(system: System, clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shoot"
    folder.mkdir()
    remuxed(clip, folder / "good.mov")
    (folder / "broken.mov").write_bytes(clip.read_bytes()[:5000])
    (folder / "notes.txt").write_text("take 3 is good")

    def tams(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "client.cli", "--url", system.url, "upload", str(folder), *words]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    listed = tams("--extensions", "mov", "--dry-run", "--json")
    states = {Path(entry["file"]).name: entry["state"] for entry in json.loads(listed.stdout)}
    assert states == {"good.mov": "would be stored", "broken.mov": "failed"}

    stored = tams("--extensions", "mov", "--tag", "shoot=2", "--label-prefix", "Day 1: ")
    assert stored.returncode == 1
    assert "stored" in stored.stdout
    assert "multi, video/quicktime, 6.0" in stored.stdout
    assert f"failed  {folder}/broken.mov: not recognised as media, or damaged" in stored.stderr
    assert "tams: 1 of 2 files failed" in stored.stderr

    again = tams("--any")
    assert again.returncode == 0
    assert "good.mov: stored already as flow" in again.stdout
    assert "2 stored, 1 left out" in again.stderr
