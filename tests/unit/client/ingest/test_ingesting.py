import json
import shutil
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import pytest
from mediatimestamp import Timestamp

from client.essence.errors import EssenceError
from client.essence.objects.mpegts import StoredObject
from client.ingest import Identity, ingest
from client.ingest.sending import PARALLEL
from tests.support.client.essence import encoded, remuxed
from tests.support.client.memory_store import MemoryStore, start_of

NS = 10**9


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


async def test_flows_describe_the_streams_of_the_file(
    store: MemoryStore, clip: Callable[[str], Path]
) -> None:
    ingested = await ingest(store, clip("29.97"), label="holiday")
    video, audio = (store.documents[flow.flow_id] for flow in ingested.flows)
    rates = video.pop("avg_bit_rate"), video.pop("max_bit_rate")
    assert 0 < rates[0] <= rates[1]
    assert video == {
        "id": ingested.flows[0].flow_id,
        "source_id": ingested.flows[0].source_id,
        "format": "urn:x-nmos:format:video",
        "label": "holiday",
        "tags": {"flow_status": "closed_complete"},
        "codec": "video/h264",
        "container": "video/mp2t",
        "segment_duration": {"numerator": 4, "denominator": 1},
        "essence_parameters": {
            "frame_rate": {"numerator": 30000, "denominator": 1001},
            "frame_width": 320,
            "frame_height": 180,
            "interlace_mode": "progressive",
            "colorspace": "BT709",
            "transfer_characteristic": "SDR",
            "aspect_ratio": {"numerator": 16, "denominator": 9},
            "pixel_aspect_ratio": {"numerator": 1, "denominator": 1},
            "bit_depth": 8,
            "component_type": "YCbCr",
            "horiz_chroma_subs": 2,
            "vert_chroma_subs": 2,
            "avc_parameters": {"profile": 100, "flags": 0, "level": 13},
        },
    }
    assert audio["codec"] == "audio/aac"
    assert audio["essence_parameters"] == {
        "sample_rate": 44100,
        "channels": 2,
        "codec_parameters": {"coded_frame_size": 1024, "mp4_oti": 2},
    }


async def test_a_multi_flow_collects_the_others(store: MemoryStore, clip: Callable[[str], Path]) -> None:
    ingested = await ingest(store, clip("25"))
    whole = store.documents[ingested.flow_id]
    assert whole["format"] == "urn:x-nmos:format:multi"
    assert "container" not in whole
    assert whole["flow_collection"] == [{"id": flow.flow_id, "role": flow.role} for flow in ingested.flows]
    assert Counter(flow.role for flow in ingested.flows) == {"video": 1, "audio": 1}


async def test_bit_rates_are_measured_from_the_objects(
    store: MemoryStore, clip: Callable[[str], Path]
) -> None:
    ingested = await ingest(store, clip("25"), segment_duration=2 * NS)
    for flow in ingested.flows:
        sizes = [len(store.bytes[segment.object_id]) * 8 for segment in store.registered[flow.flow_id]]
        assert store.documents[flow.flow_id]["avg_bit_rate"] == round(sum(sizes) / 6 / 1000)


@pytest.mark.parametrize("name", ["25", "29.97", "23.976"])
async def test_segments_are_contiguous_and_count_all_samples(
    store: MemoryStore, clip: Callable[[str], Path], name: str
) -> None:
    ingested = await ingest(store, clip(name), segment_duration=NS)
    for flow in ingested.flows:
        segments = sorted(store.registered[flow.flow_id], key=start_of)
        assert len(segments) >= 6
        for before, after in pairwise(segments):
            assert before.timerange.end == after.timerange.start
    video = store.registered[ingested.flows[0].flow_id]
    assert (
        sum(segment.sample_count or 0 for segment in video) == {"25": 150, "29.97": 180, "23.976": 144}[name]
    )
    assert all((segment.key_frame_count or 0) >= 1 for segment in video)


async def test_the_priming_of_audio_is_not_part_of_the_flow(
    store: MemoryStore, clip: Callable[[str], Path]
) -> None:
    ingested = await ingest(store, clip("25"), segment_duration=2 * NS)
    first = min(store.registered[ingested.flows[1].flow_id], key=start_of)
    assert first.timerange.start == Timestamp(0)
    assert first.sample_offset == 1024
    opened = StoredObject(store.bytes[first.object_id], "audio")
    packets = opened.packets()
    opened.close()
    assert len(packets) * 1024 == first.sample_offset + (first.sample_count or 0)


@pytest.mark.parametrize("origin", ["0:0", "1790000000:123456789", "-100:0", "95443:700000000"])
async def test_objects_keep_flow_time_across_the_wrap_of_their_time_stamps(
    store: MemoryStore, clip: Callable[[str], Path], origin: str
) -> None:
    # With the last origin, time stamps of 33 bits wrap within the clip.
    start = Timestamp.from_str(origin)
    ingested = await ingest(store, clip("25"), segment_duration=NS, origin=start.to_nanosec())
    (video, audio) = (store.registered[flow.flow_id] for flow in ingested.flows)
    for segments, kind in ((video, "video"), (audio, "audio")):
        for segment in segments:
            opened = StoredObject(store.bytes[segment.object_id], kind)
            stored = min(packet.pts for packet in opened.packets()) % 2**33
            opened.close()
            assert segment.ts_offset is not None
            assert segment.sample_offset is not None
            flow_time = stored * NS // 90_000 + segment.ts_offset.to_nanosec()
            hidden = segment.sample_offset * NS // 48_000
            assert abs(flow_time + hidden - start_of(segment).to_nanosec()) <= 1
    assert min(map(start_of, video)) == start


async def test_ids_depend_on_content_and_origin_but_not_on_names(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path
) -> None:
    copy = Path(shutil.copy(clip("25"), tmp_path / "another name.mp4"))
    first = await ingest(store, clip("25"))
    assert (await ingest(MemoryStore(), copy)).flow_id == first.flow_id
    moved = await ingest(MemoryStore(), copy, origin=1)
    other = await ingest(MemoryStore(), clip("29.97"))
    assert len({first.flow_id, moved.flow_id, other.flow_id, first.source_id, moved.source_id}) == 5


async def test_ids_can_be_given_or_seeded(store: MemoryStore, clip: Callable[[str], Path]) -> None:
    given = Identity("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002")
    ingested = await ingest(store, clip("25"), identities={"video": given})
    assert (ingested.flows[0].flow_id, ingested.flows[0].source_id) == (given.flow_id, given.source_id)
    seeded = [await ingest(MemoryStore(), clip(name), seed="tape 7") for name in ("25", "29.97")]
    assert seeded[0].flow_id == seeded[1].flow_id != ingested.flow_id


async def test_varying_frame_durations_have_no_frame_rate(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path
) -> None:
    source = remuxed(clip("25"), tmp_path / "clip.mkv", ["video"])
    assert "frame_rate" in store.documents[(await ingest(store, source)).flow_id]["essence_parameters"]
    # A picture in the middle comes 13 ms late.
    late = await ingest(store, _with_a_late_picture(source, tmp_path / "late.mkv"))
    assert "frame_rate" not in store.documents[late.flow_id]["essence_parameters"]


def _with_a_late_picture(source: Path, path: Path) -> Path:
    with av.open(str(source)) as read, av.open(str(path), "w") as write:
        track = write.add_stream_from_template(read.streams.video[0])
        for number, packet in enumerate(packet for packet in read.demux(video=0) if packet.size):
            assert packet.pts is not None
            packet.pts += 13 if number == 60 else 0
            packet.stream = track
            write.mux_one(packet)
    return path


@pytest.mark.parametrize("coding", ["pcm_s16le", "flac"])
async def test_a_coding_that_transport_streams_cannot_carry_is_refused(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path, coding: str
) -> None:
    ending = {"pcm_s16le": "wav", "flac": "flac"}[coding]
    source = encoded(clip("25"), tmp_path / f"sound.{ending}", None, coding)
    with pytest.raises(EssenceError, match=rf"{coding}, which MPEG transport streams cannot carry"):
        await ingest(store, source)
    assert store.documents == {}


async def test_pictures_without_time_stamps_are_refused(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path
) -> None:
    source = remuxed(clip("25"), tmp_path / "raw.h264", ["video"])
    with pytest.raises(EssenceError, match="no time stamps"):
        await ingest(store, source)
    assert not any(store.registered.values())


@pytest.mark.parametrize("content", [b"", b"not media at all" * 100, json.dumps({"a": 1}).encode()])
async def test_a_file_that_is_not_media_is_refused(
    store: MemoryStore, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "file.mp4").write_bytes(content)
    with pytest.raises(EssenceError, match=r"cannot read .*file\.mp4 as media"):
        await ingest(store, tmp_path / "file.mp4")
    assert store.documents == {}


async def test_a_missing_file_is_an_os_error(store: MemoryStore, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await ingest(store, tmp_path / "missing.mp4")


async def test_a_segment_duration_must_be_positive(store: MemoryStore, clip: Callable[[str], Path]) -> None:
    with pytest.raises(EssenceError, match="above zero"):
        await ingest(store, clip("25"), segment_duration=0)


async def test_the_number_of_uploads_at_the_same_time_is_bounded(clip: Callable[[str], Path]) -> None:
    running, most_running = 0, 0

    def count(step: str) -> None:
        nonlocal running, most_running
        running += {"before upload": 1, "after upload": -1}.get(step, 0)
        most_running = max(most_running, running)

    store = MemoryStore(count)
    await ingest(store, clip("25"), segment_duration=NS)
    assert 1 <= most_running <= PARALLEL


async def test_progress_is_reported_for_reading_and_sending(
    store: MemoryStore, clip: Callable[[str], Path]
) -> None:
    reports = []
    await ingest(store, clip("25"), progress=lambda *report: reports.append(report))
    size = clip("25").stat().st_size
    assert reports[0] == ("reading", size, size)
    assert reports[-1] == ("sending", 12 * NS, 12 * NS)
    assert [done for stage, done, _ in reports if stage == "sending"] == sorted(
        done for stage, done, _ in reports if stage == "sending"
    )


async def test_streams_other_than_media_are_listed_as_left_out(
    store: MemoryStore, clip: Callable[[str], Path], tmp_path: Path
) -> None:
    source = tmp_path / "with-data.mkv"
    with av.open(str(clip("25"))) as read, av.open(str(source), "w") as write:
        track = write.add_stream_from_template(read.streams.video[0])
        write.add_attachment("notes.txt", "text/plain", b"notes")
        for packet in read.demux(video=0):
            if packet.size:
                packet.stream = track
                write.mux_one(packet)
    ingested = await ingest(store, source)
    assert ingested.left_out == ("stream 1 (attachment)",)
