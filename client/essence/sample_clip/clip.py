"""Writes the test clip: a moving picture with a counter, and a tone."""

import math
import sys
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from client.essence.errors import EssenceError
from client.essence.files.movie import form_of
from client.essence.sample_clip.picture import Painter
from client.essence.timing import rescale

_TONE_HZ: Final = 440
_AMPLITUDE: Final = 8000
_CHANNELS: Final = 2
_SMALLEST: Final = 16


@dataclass(frozen=True, slots=True)
class Clip:
    """The properties of a test clip; key frames are about a second apart."""

    seconds: Fraction = Fraction(20)
    width: int = 1280
    height: int = 720
    frame_rate: Fraction = Fraction(25)
    sample_rate: int = 48_000

    @property
    def pictures(self) -> int:
        """The number of pictures."""
        return rescale(1, self.seconds, 1 / self.frame_rate)

    def samples(self, pictures: int) -> int:
        """The number of audio samples that last as long as the first `pictures`."""
        return int(pictures / self.frame_rate * self.sample_rate)


def write_clip(
    path: Path, clip: Clip | None = None, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write a clip in H.264 and AAC; `progress` gets the pictures done and their total.

    EssenceError if it cannot be written, and for odd or tiny sizes.
    """
    clip = clip or Clip()
    if clip.pictures < 1:
        raise EssenceError("a clip needs at least one picture")
    if clip.width % 2 or clip.height % 2 or min(clip.width, clip.height) < _SMALLEST:
        raise EssenceError(f"width and height must be even and at least {_SMALLEST}")
    try:
        with av.open(str(path), "w", format=form_of(path)) as container:
            _fill(container, clip, progress or (lambda _done, _total: None))
    except (FFmpegError, OSError) as error:
        path.unlink(missing_ok=True)
        raise EssenceError(f"cannot write {path}: {error.strerror or error}") from error


def _fill(container: OutputContainer, clip: Clip, progress: Callable[[int, int], None]) -> None:
    video, audio = _video(container, clip), _audio(container, clip)
    painter, tone = Painter(clip.width, clip.height), _Tone(clip.sample_rate)
    frame_size = 0
    done = 0
    for number in range(clip.pictures):
        frame = painter.paint(number)
        frame.pts, frame.time_base = number, 1 / clip.frame_rate
        container.mux(video.encode(frame))
        frame_size = frame_size or audio.codec_context.frame_size or 1024
        ready = clip.samples(number + 1)
        last = number == clip.pictures - 1
        while done < ready and (last or ready - done >= frame_size):
            count = min(frame_size, ready - done)
            container.mux(audio.encode(tone.frame(done, count)))
            done += count
        progress(number + 1, clip.pictures)
    container.mux(video.encode())
    container.mux(audio.encode())


def _video(container: OutputContainer, clip: Clip) -> VideoStream:
    interval = str(max(1, round(clip.frame_rate)))
    options = {"g": interval, "keyint_min": interval, "sc_threshold": "0", "bf": "2", "preset": "veryfast"}
    stream = container.add_stream("libx264", rate=clip.frame_rate, options=options)
    stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, "yuv420p"
    stream.codec_context.time_base = 1 / clip.frame_rate
    # Rec. ITU-R BT.709 in the code points of Rec. ITU-T H.273.
    stream.codec_context.colorspace = 1
    stream.codec_context.color_primaries = 1
    stream.codec_context.color_trc = 1
    stream.codec_context.sample_aspect_ratio = Fraction(1)
    return stream


def _audio(container: OutputContainer, clip: Clip) -> AudioStream:
    # Without noise substitution every decoder gives the same samples, whatever packet it starts with.
    stream = container.add_stream("aac", rate=clip.sample_rate, options={"aac_pns": "0"})
    stream.codec_context.layout = "stereo"
    stream.codec_context.bit_rate = 128_000
    return stream


class _Tone:
    """A sine tone, the same on both channels."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        wave = [round(_AMPLITUDE * math.sin(2 * math.pi * _TONE_HZ * i / rate)) for i in range(rate)]
        # One second has whole periods of the tone, so it can be repeated without a break.
        self._wave = array("h", [value for value in wave for _ in range(_CHANNELS)])
        if sys.byteorder == "big":
            self._wave.byteswap()

    def frame(self, start: int, count: int) -> AudioFrame:
        """`count` samples from sample `start`."""
        frame = AudioFrame(format="s16", layout="stereo", samples=count)
        frame.sample_rate = self._rate
        frame.pts, frame.time_base = start, Fraction(1, self._rate)
        begin = start % self._rate * _CHANNELS
        values = self._wave[begin : begin + count * _CHANNELS]
        values += self._wave[: count * _CHANNELS - len(values)]
        frame.planes[0].update(values.tobytes().ljust(frame.planes[0].buffer_size, b"\0"))
        return frame
