"""Probes a media file that is stored as it is: its format, codec, container and duration."""

import io
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from client.essence.coding import containers, media_types, parameters
from client.essence.coding.parameters import Parameters
from client.essence.errors import EssenceError
from client.essence.timing import NANOSECOND, rescale

_MICROSECONDS: Final = Fraction(1, av.time_base)
_HEAD_BYTES: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """The facts of a file: video, audio, image, data, or multi if it has several streams.

    `codec` and `container` are media types; a multi file has no codec. `start` is the time of its first
    sample in the file, in nanoseconds as `duration`, which is 0 without a timeline.
    """

    kind: str
    container: str
    codec: str | None = None
    parameters: Parameters
    start: int = 0
    duration: int = 0


def probe(path: Path) -> Probed:
    """Probe a file by its content, whatever its name; EssenceError for media that is not recognised."""
    try:
        with io.FileIO(path) as file:
            head = file.read(_HEAD_BYTES)
            file.seek(0)
            # FFmpeg would also go by the name, and takes `%` in it for a pattern of names.
            file.name = "media"
            with av.open(file, "r", options={"format_whitelist": containers.RECOGNISED}) as container:
                return _probed(container, head)
    except FFmpegError as error:
        raise EssenceError("not recognised as media, or damaged") from error


def _probed(container: InputContainer, head: bytes) -> Probed:
    streams = [stream for stream in container.streams if _is_essence(stream)]
    has_video = any(stream.type == "video" for stream in streams)
    media_type, found = (
        containers.media_type(container, head, has_video=has_video),
        containers.name(container),
    )
    if found in containers.TEXTS:
        return Probed(kind="data", container=media_type, codec=media_type, parameters={})
    if not streams:
        raise EssenceError("the file has no video, audio or image")
    if found in containers.IMAGES:
        size = {name: _described(streams[0])[name] for name in ("frame_width", "frame_height")}
        return Probed(kind="image", container=media_type, codec=media_type, parameters=size)
    start, duration = _times(container)
    if len(streams) > 1:
        return Probed(kind="multi", container=media_type, parameters={}, start=start, duration=duration)
    (stream,) = streams
    return Probed(
        kind=stream.type,
        container=media_type,
        codec=media_types.media_type(stream),
        parameters=_described(stream),
        start=start,
        duration=duration,
    )


def _is_essence(stream: Stream) -> bool:
    """True for video and audio, but not for the picture of a cover."""
    if stream.disposition & Disposition.attached_pic:
        return False
    if isinstance(stream, (VideoStream, AudioStream)):
        # FFmpeg has no decoder for it.
        if stream.codec_context is None:
            raise EssenceError(f"stream {stream.index} has an unknown codec")
        return True
    return False


def _times(container: InputContainer) -> tuple[int, int]:
    """The start and the duration of a file, in nanoseconds."""
    if not container.duration or container.duration < 0:
        raise EssenceError("the file declares no duration")
    start, duration = container.start_time or 0, container.duration
    return rescale(start, _MICROSECONDS, NANOSECOND), rescale(duration, _MICROSECONDS, NANOSECOND)


def _described(stream: Stream) -> Parameters:
    """The essence parameters of a video or audio stream."""
    found: Parameters = {}
    if isinstance(stream, VideoStream):
        found = parameters.video(stream)
    elif isinstance(stream, AudioStream):
        found = parameters.audio(stream) | media_types.raw_audio(stream)
    needed = ("frame_width", "frame_height") if stream.type == "video" else ("sample_rate", "channels")
    for name in needed:
        if not found[name]:
            raise EssenceError(f"stream {stream.index} has no {name}; the file is incomplete or damaged")
    return found
