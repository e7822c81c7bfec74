"""A clip that is ingested and exported is the same clip; a part of it is exactly that part."""

import pytest
from mediatimestamp import TimeOffset, TimeRange

from client.essence.errors import EssenceError
from client.export import export
from client.ingest import ingest
from tests.support.media import CLIPS, coded, encoded, pictures, remuxed, sounds
from tests.support.memory_store import MemoryStore
from tests.support.round_trip import assert_same_media, assert_same_stretch

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
def store():
    return MemoryStore()


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("ending", ["mp4", "mov"])
async def test_a_whole_clip_comes_back(store, clip, tmp_path, name, ending):
    ingested = await ingest(store, clip(name), segment_duration=2 * NS)
    written = tmp_path / f"out.{ending}"
    await export(store, ingested.flow_id, written)
    assert_same_media(clip(name), written)


@pytest.mark.parametrize("name", CLIPS)
async def test_a_part_is_exactly_that_part(store, clip, tmp_path, name):
    ingested = await ingest(store, clip(name), segment_duration=2 * NS)
    for part in PARTS:
        exported = await export(store, ingested.flow_id, tmp_path / "out.mp4", TimeRange.from_str(part))
        assert_same_stretch(clip(name), tmp_path / "out.mp4", part)
        assert exported.timerange == TimeRange.from_str(part)


@pytest.mark.parametrize("ending", ["mkv", "ts"])
async def test_files_without_edit_lists_hold_the_same_packets(store, clip, tmp_path, ending):
    ingested = await ingest(store, clip("25"), segment_duration=2 * NS)
    written = tmp_path / f"out.{ending}"
    await export(store, ingested.flow_id, written)
    for kind in ("video", "audio"):
        assert [p.data for p in coded(written, kind)] == [p.data for p in coded(clip("25"), kind)]


async def test_files_without_edit_lists_say_what_they_show(store, clip, tmp_path):
    ingested = await ingest(store, clip("25"), segment_duration=2 * NS)
    part = TimeRange.from_str("[2:520000000_3:0)")
    exported = await export(store, ingested.flow_id, tmp_path / "out.ts", part)
    assert exported.timerange == part
    # From the key frame at 2 s to the end of the last packet of audio.
    assert exported.presented == TimeRange.from_str("[2:0_3:8000000)")
    assert pictures(tmp_path / "out.ts")[0].pixels == pictures(clip("25"))[50].pixels


@pytest.mark.parametrize("kind", ["video", "audio"])
async def test_a_single_flow_is_exported_alone(store, clip, tmp_path, kind):
    ingested = await ingest(store, clip("25"), segment_duration=2 * NS)
    (flow,) = (flow for flow in ingested.flows if flow.role == kind)
    await export(store, flow.flow_id, tmp_path / "out.mp4")
    assert coded(tmp_path / "out.mp4", kind) == coded(clip("25"), kind)


@pytest.mark.parametrize("kind", ["video", "audio"])
async def test_a_file_with_one_stream_is_one_flow(store, clip, tmp_path, kind):
    source = remuxed(clip("25"), tmp_path / "one.mp4", [kind])
    ingested = await ingest(store, source, segment_duration=2 * NS)
    assert [flow.flow_id for flow in ingested.flows] == [ingested.flow_id]
    await export(store, ingested.flow_id, tmp_path / "out.mp4")
    assert coded(tmp_path / "out.mp4", kind) == coded(source, kind)


async def test_media_that_does_not_begin_at_zero_keeps_its_time(store, clip, tmp_path):
    source = remuxed(clip("25"), tmp_path / "late.mp4", ["video"], shift=3)
    ingested = await ingest(store, source)
    exported = await export(store, ingested.flow_id, tmp_path / "whole.mp4")
    assert exported.timerange == TimeRange.from_str("[3:0_9:0)")
    await export(store, ingested.flow_id, tmp_path / "from-zero.mp4", TimeRange.from_str("[0:0_4:0)"))
    assert [p.time for p in pictures(tmp_path / "from-zero.mp4")] == [p.time for p in pictures(source)][:25]


@pytest.mark.parametrize("ending", ["mkv", "ts"])
async def test_other_containers_are_read(store, clip, tmp_path, ending):
    source = remuxed(clip("25"), tmp_path / f"clip.{ending}")
    ingested = await ingest(store, source, segment_duration=2 * NS)
    await export(store, ingested.flow_id, tmp_path / "out.mp4")
    for kind in ("video", "audio"):
        assert [p.data for p in coded(tmp_path / "out.mp4", kind)] == [p.data for p in coded(source, kind)]
    shown, wanted = pictures(tmp_path / "out.mp4"), pictures(source)
    assert [p.pixels for p in shown] == [p.pixels for p in wanted]
    assert {b.time - a.time for a, b in zip(shown, wanted, strict=True)} == {wanted[0].time - shown[0].time}


CODINGS = {
    "open groups": ("mp4", "libx264", None, {"g": "25", "x264-params": "open-gop=1:bframes=3:scenecut=0"}),
    "h265": ("mp4", "libx265", "aac", {"x265-params": "log-level=none:keyint=25"}),
    "mpeg-2": ("ts", "mpeg2video", "mp2", {"g": "25", "bf": "2"}),
    "ac-3": ("mkv", None, "ac3", {}),
}


@pytest.mark.parametrize("name", CODINGS)
async def test_other_codings_come_back(store, clip, tmp_path, name):
    ending, video, audio, options = CODINGS[name]
    source = encoded(clip("25"), tmp_path / f"source.{ending}", video, audio, options)
    ingested = await ingest(store, source, segment_duration=2 * NS)
    await export(store, ingested.flow_id, tmp_path / "out.mp4")
    for kind in [kind for kind, coding in (("video", video), ("audio", audio)) if coding]:
        assert [p.data for p in coded(tmp_path / "out.mp4", kind)] == [p.data for p in coded(source, kind)]
    if video:
        shown, wanted = pictures(tmp_path / "out.mp4"), pictures(source)
        assert [picture.pixels for picture in shown] == [picture.pixels for picture in wanted]


async def test_a_stretch_that_begins_before_an_open_groups_key_frame_looks_back(store, clip, tmp_path):
    ending, video, audio, options = CODINGS["open groups"]
    source = encoded(clip("25"), tmp_path / f"source.{ending}", video, audio, options)
    ingested = await ingest(store, source, segment_duration=1 * NS)
    starts = [segment.timerange.start for segment in store.registered[ingested.flow_id]]
    for start in sorted(starts)[1:4]:
        part = TimeRange.from_start_length(start, TimeOffset(0, 200_000_000), TimeRange.INCLUDE_START)
        await export(store, ingested.flow_id, tmp_path / "out.mp4", part)
        first = [p.pixels for p in pictures(source)].index(pictures(tmp_path / "out.mp4")[0].pixels)
        assert first * 40_000_000 == start.to_nanosec()
        assert len(pictures(tmp_path / "out.mp4")) == 5


async def test_an_exported_part_can_be_ingested_again(store, clip, tmp_path):
    ingested = await ingest(store, clip("25"), segment_duration=2 * NS)
    part = tmp_path / "part.mp4"
    await export(store, ingested.flow_id, part, TimeRange.from_str("[1:240000000_3:760000000)"))
    again = await ingest(store, part, segment_duration=1 * NS)
    await export(store, again.flow_id, tmp_path / "out.mp4")
    assert pictures(tmp_path / "out.mp4") == pictures(part)
    (wanted,), (found,) = sounds(part), sounds(tmp_path / "out.mp4")
    assert found.between(0, 120_960) == wanted.between(0, 120_960)


async def test_gaps_keep_their_time(store, clip, tmp_path):
    ingested = await ingest(store, clip("25"), segment_duration=2 * NS)
    for flow in ingested.flows:
        kept = [s for s in store.registered[flow.flow_id] if not 1 <= s.timerange.start.to_nanosec() / NS < 3]
        store.registered[flow.flow_id] = kept
    await export(store, ingested.flow_id, tmp_path / "out.mp4")
    wanted = [p for p in pictures(clip("25")) if not 2 <= p.time < 4]
    assert pictures(tmp_path / "out.mp4") == wanted
    (whole,), runs = sounds(clip("25")), sounds(tmp_path / "out.mp4")
    assert runs[0].first == 0
    assert runs[-1].end == whole.end
    # A decoder that begins again needs a packet to get going.
    assert runs[-1].between(200_000, 288_000) == whole.between(200_000, 288_000)


@pytest.mark.parametrize("part", ["[10:0_20:0)", "[6:0_7:0)", "[-5:0_0:0)", "()"])
async def test_a_stretch_without_media_is_an_error_and_leaves_no_file(store, clip, tmp_path, part):
    ingested = await ingest(store, clip("25"))
    with pytest.raises(EssenceError, match="no media"):
        await export(store, ingested.flow_id, tmp_path / "out.mp4", TimeRange.from_str(part))
    assert not list(tmp_path.iterdir())


async def test_a_stretch_inside_a_gap_is_an_error(store, clip, tmp_path):
    ingested = await ingest(store, clip("25"), segment_duration=2 * NS)
    for flow in ingested.flows:
        del store.registered[flow.flow_id][1]
    with pytest.raises(EssenceError, match="no media"):
        await export(store, ingested.flow_id, tmp_path / "out.mp4", TimeRange.from_str("[2:500000000_3:0)"))
    assert not list(tmp_path.iterdir())


async def test_a_failed_export_leaves_an_older_file_alone(store, clip, tmp_path):
    ingested = await ingest(store, clip("25"), segment_duration=2 * NS)
    (tmp_path / "out.mp4").write_bytes(b"older")
    last = store.registered[ingested.flows[0].flow_id][-1]
    store.bytes[last.object_id] = b"not a transport stream"
    with pytest.raises(EssenceError, match="transport stream"):
        await export(store, ingested.flow_id, tmp_path / "out.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert (tmp_path / "out.mp4").read_bytes() == b"older"


async def test_a_name_with_an_unknown_ending_is_refused(store, clip, tmp_path):
    ingested = await ingest(store, clip("25"))
    with pytest.raises(EssenceError, match=r"must end in \.mp4"):
        await export(store, ingested.flow_id, tmp_path / "out.avi")


async def test_progress_reaches_the_whole(store, clip, tmp_path):
    ingested = await ingest(store, clip("25"))
    heard = []
    await export(
        store,
        ingested.flow_id,
        tmp_path / "out.mp4",
        progress=lambda done, total: heard.append((done, total)),
    )
    assert heard == sorted(heard)
    assert heard[-1] == (6 * NS, 6 * NS)
