from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from client.essence.errors import EssenceError
from client.essence.sample_clip.clip import Clip, write_clip
from tests.support.client.essence import CLIPS, pictures


@pytest.mark.parametrize("name", CLIPS)
def test_a_clip_has_the_requested_properties(clip: Callable[[str], Path], name: str) -> None:
    requested = CLIPS[name]
    with av.open(str(clip(name))) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert video.average_rate == requested.frame_rate
        assert (video.codec_context.width, video.codec_context.height) == (requested.width, requested.height)
        assert (audio.codec_context.sample_rate, audio.codec_context.layout.name) == (
            requested.sample_rate,
            "stereo",
        )
        # The duration in the file is in milliseconds.
        assert audio.duration is not None
        assert abs(audio.duration - requested.samples(requested.pictures)) <= requested.sample_rate // 1000


def test_pictures_are_reordered_and_key_frames_a_second_apart(clip: Callable[[str], Path]) -> None:
    with av.open(str(clip("25"))) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    times = [packet.pts * packet.time_base for packet in packets if packet.pts is not None]
    assert len(times) == len(packets)
    assert times != sorted(times)
    keys = [time for time, packet in zip(times, packets, strict=True) if packet.is_keyframe]
    assert sorted(keys) == list(range(6))


def test_all_pictures_differ(clip: Callable[[str], Path]) -> None:
    presented = pictures(clip("25"))
    assert len({picture.pixels for picture in presented}) == len(presented) == 150


@pytest.mark.parametrize("size", [(321, 180), (320, 181), (2, 2)])
def test_impossible_sizes_are_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    with pytest.raises(EssenceError, match="even"):
        write_clip(tmp_path / "clip.mp4", Clip(Fraction(1), *size))
    assert not list(tmp_path.iterdir())


def test_a_clip_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EssenceError, match="at least one picture"):
        write_clip(tmp_path / "clip.mp4", Clip(Fraction(0)))


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EssenceError, match="cannot write"):
        write_clip(tmp_path / "missing" / "clip.mp4", Clip(Fraction(1), 320, 180))


def test_progress_is_reported_for_each_picture(tmp_path: Path) -> None:
    reports = []
    write_clip(
        tmp_path / "clip.mp4", Clip(Fraction(1), 64, 64), lambda done, total: reports.append((done, total))
    )
    assert reports == [(number, 25) for number in range(1, 26)]
