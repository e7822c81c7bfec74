"""The content of a media file in comparable forms: pictures, sound, coded packets."""

from __future__ import annotations  # the coded packet is generic for type checkers only

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from client.essence.coding import nal
from client.essence.sample_clip.clip import Clip

# Six seconds of small pictures, with frame rates and sample rates that do not divide each other.
CLIPS = {
    "25": Clip(Fraction(6), 320, 180, Fraction(25), 48_000),
    "29.97": Clip(Fraction(6), 320, 180, Fraction(30_000, 1001), 44_100),
    "23.976": Clip(Fraction(6), 320, 180, Fraction(24_000, 1001), 48_000),
}


def remuxed(source: Path, path: Path, kinds: Sequence[str] = ("video", "audio"), shift: int = 0) -> Path:
    """A new file at `path` with the same coded packets, `shift` seconds later."""
    with av.open(str(source)) as read, av.open(str(path), "w") as write:
        wanted = [stream for stream in read.streams if stream.type in kinds]
        tracks = {stream.index: write.add_stream_from_template(stream) for stream in wanted}
        for packet in read.demux(wanted):
            if packet.size:
                assert packet.pts is not None
                assert packet.dts is not None
                later = int(shift / packet.time_base)
                packet.pts, packet.dts = packet.pts + later, packet.dts + later
                packet.stream = tracks[packet.stream_index]
                write.mux_one(packet)
    return path


def encoded(
    source: Path, path: Path, video: str | None, audio: str | None, options: dict[str, str] | None = None
) -> Path:
    """A new file at `path` with the content of the source in other codecs."""
    with av.open(str(source)) as read, av.open(str(path), "w") as write:
        encode: dict[str, Callable[[Any], Iterator[Packet[Stream]]]] = {}
        if video:
            encode["video"] = _video_encoder(write, video, options or {})
        if audio:
            encode["audio"] = _audio_encoder(write, audio)
        for frame in read.decode(*[stream for stream in read.streams if stream.type in encode]):
            for packet in encode["video" if isinstance(frame, av.VideoFrame) else "audio"](frame):
                write.mux(packet)
        for encode_rest in encode.values():
            for packet in encode_rest(None):
                write.mux(packet)
    return path


def _video_encoder(
    write: OutputContainer, codec: str, options: dict[str, str]
) -> Callable[[av.VideoFrame | None], Iterator[Packet[Stream]]]:
    track = write.add_stream(codec, rate=25, options=options)
    assert isinstance(track, av.VideoStream)
    track.width, track.height, track.pix_fmt = 320, 180, "yuv420p"

    def encode(frame: av.VideoFrame | None) -> Iterator[Packet[Stream]]:
        yield from track.encode(frame)

    return encode


def _audio_encoder(
    write: OutputContainer, codec: str
) -> Callable[[av.AudioFrame | None], Iterator[Packet[Stream]]]:
    track = write.add_stream(codec, rate=48_000)
    assert isinstance(track, av.AudioStream)
    context = track.codec_context
    context.layout = "stereo"
    resampler = av.AudioResampler(
        format=context.format.name, layout="stereo", rate=48_000, frame_size=context.frame_size or 1024
    )

    def encode(frame: av.AudioFrame | None) -> Iterator[Packet[Stream]]:
        for ready in resampler.resample(frame):
            yield from track.encode(ready)

    return encode


@dataclass(frozen=True)
class Picture:
    """A decoded picture: its time, and a hash of its pixels."""

    time: Fraction
    pixels: str


def pictures(path: Path) -> list[Picture]:
    """All pictures that are shown, in order."""
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        return [Picture(_time(frame), _hash(frame)) for frame in frames]


@dataclass(frozen=True)
class Sound:
    """Decoded audio: the number of its first sample, and the bytes of each channel, four for each sample."""

    first: int
    channels: tuple[bytes, ...]
    rate: int

    def between(self, start: int, end: int) -> tuple[bytes, ...]:
        """The samples start <= n < end."""
        return tuple(data[(start - self.first) * 4 : (end - self.first) * 4] for data in self.channels)

    @property
    def end(self) -> int:
        return self.first + len(self.channels[0]) // 4


def sounds(path: Path, track: int = 0) -> list[Sound]:
    """All audio: a Sound for each stretch without a gap."""
    runs: list[Sound] = []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=track):
            first = _time(frame) * frame.sample_rate
            assert first.denominator == 1, "audio does not start at a whole sample"
            data = tuple(bytes(plane)[: frame.samples * 4] for plane in frame.planes)
            if runs and runs[-1].end == first:
                last = runs.pop()
                whole = tuple(a + b for a, b in zip(last.channels, data, strict=True))
                runs.append(Sound(last.first, whole, frame.sample_rate))
            else:
                runs.append(Sound(int(first), data, frame.sample_rate))
    return runs


@dataclass(frozen=True)
class TimedPacket:
    """A coded packet without its container's framing. `decoded` is its decoding time, if the file has it."""

    time: Fraction
    decoded: Fraction | None
    data: bytes


def coded(path: Path, kind: str) -> list[TimedPacket]:
    """All packets of a file's first stream of a kind."""
    with av.open(str(path)) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        unframed = _unframed(stream)
        return [
            TimedPacket(
                _time(packet),
                None if packet.dts is None else packet.dts * _tick(packet),
                unframed(bytes(packet)),
            )
            for packet in container.demux(stream)
            if packet.size
        ]


def _unframed(stream: Stream) -> Callable[[bytes], bytes]:
    context = stream.codec_context
    syntax = nal.SYNTAX.get(context.name)
    if syntax is None:
        return lambda data: data[7:] if context.name == "aac" and data[:1] == b"\xff" else data
    framing = {syntax.delimiter, *syntax.parameter_sets}
    lengths = (context.extradata or b"")[:1] == b"\x01"

    def units(data: bytes) -> bytes:
        found = _by_length(data) if lengths else list(nal.units(data))
        return b"|".join(unit for unit in found if syntax.kind(unit) not in framing)

    return units


def _by_length(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def _time(timed: av.VideoFrame | av.AudioFrame | Packet[Stream]) -> Fraction:
    assert timed.pts is not None
    return timed.pts * _tick(timed)


def _tick(timed: av.VideoFrame | av.AudioFrame | Packet[Stream]) -> Fraction:
    assert timed.time_base is not None
    return timed.time_base


def _hash(frame: av.VideoFrame) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for plane in frame.planes:
        digest.update(bytes(plane))
    return digest.hexdigest()
