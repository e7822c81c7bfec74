from fractions import Fraction

import av
import pytest

from client.essence.errors import EssenceError
from client.essence.sample import Clip, sample
from tests.support.media import CLIPS, pictures


@pytest.mark.parametrize("name", CLIPS)
def test_a_clip_is_what_was_asked_for(clip, name):
    wanted = CLIPS[name]
    with av.open(str(clip(name))) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert video.average_rate == wanted.frame_rate
        assert (video.codec_context.width, video.codec_context.height) == (wanted.width, wanted.height)
        assert (audio.codec_context.sample_rate, audio.codec_context.layout.name) == (
            wanted.sample_rate,
            "stereo",
        )
        # The file says how long it is in milliseconds.
        assert abs(audio.duration - wanted.samples(wanted.pictures)) <= wanted.sample_rate // 1000


def test_pictures_are_reordered_and_key_frames_a_second_apart(clip):
    with av.open(str(clip("25"))) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert [packet.pts for packet in packets] != sorted(packet.pts for packet in packets)
    assert sorted(p.pts * p.time_base for p in packets if p.is_keyframe) == list(range(6))


def test_every_picture_is_another_one(clip):
    shown = pictures(clip("25"))
    assert len({picture.pixels for picture in shown}) == len(shown) == 150


@pytest.mark.parametrize("size", [(321, 180), (320, 181), (2, 2)])
def test_impossible_sizes_are_refused(tmp_path, size):
    with pytest.raises(EssenceError, match="even"):
        sample(tmp_path / "clip.mp4", Clip(Fraction(1), *size))
    assert not list(tmp_path.iterdir())


def test_a_clip_without_pictures_is_refused(tmp_path):
    with pytest.raises(EssenceError, match="at least one picture"):
        sample(tmp_path / "clip.mp4", Clip(Fraction(0)))


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(EssenceError, match="cannot write"):
        sample(tmp_path / "missing" / "clip.mp4", Clip(Fraction(1), 320, 180))


def test_progress_ends_with_all_pictures(tmp_path):
    heard = []
    sample(tmp_path / "clip.mp4", Clip(Fraction(1), 64, 64), lambda done, total: heard.append((done, total)))
    assert heard == [(number, 25) for number in range(1, 26)]
