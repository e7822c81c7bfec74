"""Exports of ingested clips, which equal the clip, or exactly the requested part of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mediatimestamp import TimeOffset, TimeRange

from client.essence.errors import EssenceError
from client.export import export
from client.ingest import ingest
from tests.support.client.essence import CLIPS, coded, encoded, pictures, remuxed, sounds
from tests.support.client.memory_store import MemoryStore, start_of
from tests.support.client.round_trip import assert_same_media, assert_same_range

NS = 10**9
PARTS = [
    "[0:0_2:0)",
    "[2:0_4:0)",
    "[1:234000000_3:777000000)",
    "[0:40000000_0:80000000)",
    "[3:500000000_5:500000000)",
    "[1:960000000_2:40000000)",
    "[5:900000000_6:0)",
]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("ending", ["mp4", "mov"])
async def test_a_whole_clip_is_exported_unchanged(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path, name: str, ending: str
) -> None:
    ingested = await ingest(store, clip(name), segment_duration=2 * NS)
    written = tmp_path / f"out.{ending}"
    await export(store, ingested.flow_id, written)
    assert_same_media(clip(name), written)


@pytest.mark.parametrize("name", CLIPS)
async def test_a_part_is_exported_exactly(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    ingested = await ingest(store, clip(name), segment_duration=2 * NS)
    for part in PARTS:
        exported = await export(store, ingested.flow_id, tmp_path / "out.mp4", TimeRange.from_str(part))
        assert_same_range(clip(name), tmp_path / "out.mp4", part)
        assert exported.timerange == TimeRange.from_str(part)


@pytest.mark.parametrize("ending", ["mkv", "ts"])
async def test_files_without_edit_lists_have_the_same_packets(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path, ending: str
) -> None:
    ingested = await ingest(store, clip("25"), segment_duration=2 * NS)
    written = tmp_path / f"out.{ending}"
    await export(store, ingested.flow_id, written)
    for kind in ("video", "audio"):
        assert [packet.data for packet in coded(written, kind)] == [
            packet.data for packet in coded(clip("25"), kind)
        ]


async def test_the_presented_range_of_files_without_edit_lists_is_returned(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path
) -> None:
    ingested = await ingest(store, clip("25"), segment_duration=2 * NS)
    part = TimeRange.from_str("[2:520000000_3:0)")
    exported = await export(store, ingested.flow_id, tmp_path / "out.ts", part)
    assert exported.timerange == part
    # From the key frame at 2 s to the end of the last packet of audio.
    assert exported.presented == TimeRange.from_str("[2:0_3:8000000)")
    assert pictures(tmp_path / "out.ts")[0].pixels == pictures(clip("25"))[50].pixels


@pytest.mark.parametrize("kind", ["video", "audio"])
async def test_a_single_flow_is_exported_alone(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path, kind: str
) -> None:
    ingested = await ingest(store, clip("25"), segment_duration=2 * NS)
    (flow,) = (flow for flow in ingested.flows if flow.role == kind)
    await export(store, flow.flow_id, tmp_path / "out.mp4")
    assert coded(tmp_path / "out.mp4", kind) == coded(clip("25"), kind)


@pytest.mark.parametrize("kind", ["video", "audio"])
async def test_a_file_with_one_stream_is_one_flow(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path, kind: str
) -> None:
    source = remuxed(clip("25"), tmp_path / "one.mp4", [kind])
    ingested = await ingest(store, source, segment_duration=2 * NS)
    assert [flow.flow_id for flow in ingested.flows] == [ingested.flow_id]
    await export(store, ingested.flow_id, tmp_path / "out.mp4")
    assert coded(tmp_path / "out.mp4", kind) == coded(source, kind)


async def test_media_that_does_not_begin_at_zero_keeps_its_time(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path
) -> None:
    source = remuxed(clip("25"), tmp_path / "late.mp4", ["video"], shift=3)
    ingested = await ingest(store, source)
    exported = await export(store, ingested.flow_id, tmp_path / "whole.mp4")
    assert exported.timerange == TimeRange.from_str("[3:0_9:0)")
    await export(store, ingested.flow_id, tmp_path / "from-zero.mp4", TimeRange.from_str("[0:0_4:0)"))
    assert [picture.time for picture in pictures(tmp_path / "from-zero.mp4")] == [
        picture.time for picture in pictures(source)
    ][:25]


@pytest.mark.parametrize("ending", ["mkv", "ts"])
async def test_other_containers_are_read(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path, ending: str
) -> None:
    source = remuxed(clip("25"), tmp_path / f"clip.{ending}")
    ingested = await ingest(store, source, segment_duration=2 * NS)
    await export(store, ingested.flow_id, tmp_path / "out.mp4")
    for kind in ("video", "audio"):
        assert [packet.data for packet in coded(tmp_path / "out.mp4", kind)] == [
            packet.data for packet in coded(source, kind)
        ]
    presented, expected = pictures(tmp_path / "out.mp4"), pictures(source)
    assert [picture.pixels for picture in presented] == [picture.pixels for picture in expected]
    assert {b.time - a.time for a, b in zip(presented, expected, strict=True)} == {
        expected[0].time - presented[0].time
    }


CODINGS = {
    "open groups": ("mp4", "libx264", None, {"g": "25", "x264-params": "open-gop=1:bframes=3:scenecut=0"}),
    "h265": ("mp4", "libx265", "aac", {"x265-params": "log-level=none:keyint=25"}),
    "mpeg-2": ("ts", "mpeg2video", "mp2", {"g": "25", "bf": "2"}),
    "ac-3": ("mkv", None, "ac3", {}),
}


@pytest.mark.parametrize("name", CODINGS)
async def test_other_codings_are_exported_unchanged(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    ending, video, audio, options = CODINGS[name]
    source = encoded(clip("25"), tmp_path / f"source.{ending}", video, audio, options)
    ingested = await ingest(store, source, segment_duration=2 * NS)
    await export(store, ingested.flow_id, tmp_path / "out.mp4")
    for kind in [kind for kind, coding in (("video", video), ("audio", audio)) if coding]:
        assert [packet.data for packet in coded(tmp_path / "out.mp4", kind)] == [
            packet.data for packet in coded(source, kind)
        ]
    if video:
        presented, expected = pictures(tmp_path / "out.mp4"), pictures(source)
        assert [picture.pixels for picture in presented] == [picture.pixels for picture in expected]


async def test_a_range_that_begins_before_the_key_frame_of_an_open_group_is_exported(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path
) -> None:
    ending, video, audio, options = CODINGS["open groups"]
    source = encoded(clip("25"), tmp_path / f"source.{ending}", video, audio, options)
    ingested = await ingest(store, source, segment_duration=1 * NS)
    starts = [start_of(segment) for segment in store.registered[ingested.flow_id]]
    for start in sorted(starts)[1:4]:
        part = TimeRange.from_start_length(start, TimeOffset(0, 200_000_000), TimeRange.INCLUDE_START)
        await export(store, ingested.flow_id, tmp_path / "out.mp4", part)
        first = [picture.pixels for picture in pictures(source)].index(
            pictures(tmp_path / "out.mp4")[0].pixels
        )
        assert first * 40_000_000 == start.to_nanosec()
        assert len(pictures(tmp_path / "out.mp4")) == 5


async def test_an_exported_part_can_be_ingested_again(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path
) -> None:
    ingested = await ingest(store, clip("25"), segment_duration=2 * NS)
    part = tmp_path / "part.mp4"
    await export(store, ingested.flow_id, part, TimeRange.from_str("[1:240000000_3:760000000)"))
    reingested = await ingest(store, part, segment_duration=1 * NS)
    await export(store, reingested.flow_id, tmp_path / "out.mp4")
    assert pictures(tmp_path / "out.mp4") == pictures(part)
    (expected,), (actual,) = sounds(part), sounds(tmp_path / "out.mp4")
    assert actual.between(0, 120_960) == expected.between(0, 120_960)


async def test_gaps_keep_their_time(store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path) -> None:
    ingested = await ingest(store, clip("25"), segment_duration=2 * NS)
    for flow in ingested.flows:
        kept = [
            segment
            for segment in store.registered[flow.flow_id]
            if not 1 <= start_of(segment).to_nanosec() / NS < 3
        ]
        store.registered[flow.flow_id] = kept
    await export(store, ingested.flow_id, tmp_path / "out.mp4")
    expected = [picture for picture in pictures(clip("25")) if not 2 <= picture.time < 4]
    assert pictures(tmp_path / "out.mp4") == expected
    (whole,), runs = sounds(clip("25")), sounds(tmp_path / "out.mp4")
    assert runs[0].first == 0
    assert runs[-1].end == whole.end
    # After a gap, a decoder needs a packet before its output is exact.
    assert runs[-1].between(200_000, 288_000) == whole.between(200_000, 288_000)


@pytest.mark.parametrize("part", ["[10:0_20:0)", "[6:0_7:0)", "[-5:0_0:0)", "()"])
async def test_a_range_without_media_is_an_error_without_a_file(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path, part: str
) -> None:
    ingested = await ingest(store, clip("25"))
    with pytest.raises(EssenceError, match="no media"):
        await export(store, ingested.flow_id, tmp_path / "out.mp4", TimeRange.from_str(part))
    assert not list(tmp_path.iterdir())


async def test_a_range_inside_a_gap_is_an_error(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path
) -> None:
    ingested = await ingest(store, clip("25"), segment_duration=2 * NS)
    for flow in ingested.flows:
        del store.registered[flow.flow_id][1]
    with pytest.raises(EssenceError, match="no media"):
        await export(store, ingested.flow_id, tmp_path / "out.mp4", TimeRange.from_str("[2:500000000_3:0)"))
    assert not list(tmp_path.iterdir())


async def test_a_failed_export_does_not_change_an_older_file(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path
) -> None:
    ingested = await ingest(store, clip("25"), segment_duration=2 * NS)
    (tmp_path / "out.mp4").write_bytes(b"older")
    last = store.registered[ingested.flows[0].flow_id][-1]
    store.bytes[last.object_id] = b"not a transport stream"
    with pytest.raises(EssenceError, match="transport stream"):
        await export(store, ingested.flow_id, tmp_path / "out.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert (tmp_path / "out.mp4").read_bytes() == b"older"


async def test_a_name_with_an_unknown_ending_is_refused(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path
) -> None:
    ingested = await ingest(store, clip("25"))
    with pytest.raises(EssenceError, match=r"must end in \.mp4"):
        await export(store, ingested.flow_id, tmp_path / "out.avi")


async def test_progress_is_reported_up_to_the_whole(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path
) -> None:
    ingested = await ingest(store, clip("25"))
    reports = []
    await export(
        store,
        ingested.flow_id,
        tmp_path / "out.mp4",
        progress=lambda done, total: reports.append((done, total)),
    )
    assert reports == sorted(reports)
    assert reports[-1] == (6 * NS, 6 * NS)
