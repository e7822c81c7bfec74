import wave
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from client.essence.errors import EssenceError
from client.essence.probing import probe
from tests.support.client.essence import remuxed

NS = 10**9


def picture(path: Path, codec: str, form: str, pixels: str) -> Path:
    with av.open(str(path), "w", format=form) as out:
        stream = out.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        for frame in (av.VideoFrame(64, 48, pixels), None):
            out.mux(stream.encode(frame))
    return path


@pytest.mark.parametrize(
    ("name", "kinds", "kind", "container", "codec"),
    [
        ("a.mp4", ("video", "audio"), "multi", "video/mp4", None),
        ("a.mov", ("video", "audio"), "multi", "video/quicktime", None),
        ("a.mkv", ("video",), "video", "video/matroska", "video/h264"),
        ("a.ts", ("video",), "video", "video/mp2t", "video/h264"),
        ("a.m4a", ("audio",), "audio", "audio/mp4", "audio/aac"),
    ],
)
def test_a_file_is_described_by_its_content(
    clip: Callable[[str], Path],
    tmp_path: Path,
    *,
    name: str,
    kinds: tuple[str, ...],
    kind: str,
    container: str,
    codec: str | None,
) -> None:
    # The name says nothing, and looks like a pattern to FFmpeg.
    path = remuxed(clip("25"), tmp_path / name, kinds).rename(tmp_path / "50%03d.bin")

    found = probe(path)

    assert (found.kind, found.container, found.codec) == (kind, container, codec)
    assert abs(found.duration - 6 * NS) < NS // 10


@pytest.mark.parametrize(
    ("codec", "form", "pixels", "media_type"),
    [
        ("png", "image2", "rgb24", "image/png"),
        ("mjpeg", "image2", "yuvj420p", "image/jpeg"),
        ("gif", "gif", "rgb8", "image/gif"),
    ],
)
def test_an_image_has_a_size_and_no_duration(
    tmp_path: Path, codec: str, form: str, pixels: str, media_type: str
) -> None:
    found = probe(picture(tmp_path / "image", codec, form, pixels))
    assert (found.kind, found.container, found.codec, found.duration) == ("image", media_type, media_type, 0)
    assert found.parameters == {"frame_width": 64, "frame_height": 48}


def test_uncompressed_sound_has_the_packing_of_its_samples(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(3)
        sound.setframerate(48_000)
        sound.writeframes(bytes(48_000 * 6))
    found = probe(tmp_path / "a.wav")
    assert (found.kind, found.codec, found.container) == ("audio", "audio/x-raw-int", "audio/vnd.wave")
    assert found.parameters["bit_depth"] == 24
    assert found.parameters["unc_parameters"] == {"unc_type": "interleaved"}
    assert found.duration == NS


def test_subtitles_are_data(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_text("1\n00:00:00,000 --> 00:00:02,000\nhello\n\n2\n00:00:03,000 --> 00:00:04,000\nworld\n")
    found = probe(path)
    assert (found.kind, found.codec) == ("data", "application/x-subrip")


@pytest.mark.parametrize(
    "content", [b"", b"just text\n" * 100, b"#EXTM3U\n#EXTINF:4,\nsecret.mp4\n#EXT-X-ENDLIST\n"]
)
def test_other_content_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(EssenceError, match="not recognised as media"):
        probe(path)


def test_a_broken_file_is_refused(clip: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(clip("25").read_bytes()[:5000])
    with pytest.raises(EssenceError, match="damaged"):
        probe(path)
