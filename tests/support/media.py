"""What a player gets out of a media file, in forms that compare: pictures, sound, coded packets."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from client.essence import nal
from client.essence.sample import Clip

# Six seconds, small, with the frame rates and sample rates that do not divide each other.
CLIPS = {
    "25": Clip(Fraction(6), 320, 180, Fraction(25), 48_000),
    "29.97": Clip(Fraction(6), 320, 180, Fraction(30_000, 1001), 44_100),
    "23.976": Clip(Fraction(6), 320, 180, Fraction(24_000, 1001), 48_000),
}


def remuxed(source: Path, path: Path, kinds: Sequence[str] = ("video", "audio"), shift: int = 0) -> Path:
    """Another file with the same coded packets, `shift` seconds later."""
    with av.open(str(source)) as read, av.open(str(path), "w") as write:
        wanted = [stream for stream in read.streams if stream.type in kinds]
        tracks = {stream.index: write.add_stream_from_template(stream) for stream in wanted}
        for packet in read.demux(wanted):
            if packet.size:
                later = int(shift / packet.time_base)
                packet.pts, packet.dts = packet.pts + later, packet.dts + later
                packet.stream = tracks[packet.stream_index]
                write.mux_one(packet)
    return path


def encoded(
    source: Path, path: Path, video: str | None, audio: str | None, options: dict[str, str] | None = None
) -> Path:
    """The source's content in other codings."""
    with av.open(str(source)) as read, av.open(str(path), "w") as write:
        lanes = {}
        if video:
            track = write.add_stream(video, rate=25, options=options or {})
            track.width, track.height, track.pix_fmt = 320, 180, "yuv420p"
            lanes["video"] = (track, lambda frame: [frame])
        if audio:
            track = write.add_stream(audio, rate=48_000)
            track.codec_context.layout = "stereo"
            lanes["audio"] = (track, _resampled(track))
        for frame in read.decode(*[stream for stream in read.streams if stream.type in lanes]):
            track, prepared = lanes["video" if isinstance(frame, av.VideoFrame) else "audio"]
            for ready in prepared(frame):
                write.mux(track.encode(ready))
        for track, prepared in lanes.values():
            for ready in prepared(None):
                write.mux(track.encode(ready))
    return path


def _resampled(track):
    context = track.codec_context
    return av.AudioResampler(
        format=context.format.name, layout="stereo", rate=48_000, frame_size=context.frame_size or 1024
    ).resample


@dataclass(frozen=True)
class Picture:
    """A decoded picture: when it is shown, and a hash of its pixels."""

    time: Fraction
    pixels: str


def pictures(path: Path) -> list[Picture]:
    """All pictures that are shown, in order."""
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        return [Picture(frame.pts * frame.time_base, _hash(frame)) for frame in frames]


@dataclass(frozen=True)
class Sound:
    """Decoded audio: the sample its first one is, and the bytes of each channel, four a sample."""

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
    """All audio, a run of samples for each stretch without a gap."""
    runs: list[Sound] = []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=track):
            first = frame.pts * frame.time_base * frame.sample_rate
            assert first.denominator == 1, "audio does not lie on samples"
            data = tuple(bytes(plane)[: frame.samples * 4] for plane in frame.planes)
            if runs and runs[-1].end == first:
                last = runs.pop()
                whole = tuple(a + b for a, b in zip(last.channels, data, strict=True))
                runs.append(Sound(last.first, whole, frame.sample_rate))
            else:
                runs.append(Sound(int(first), data, frame.sample_rate))
    return runs


@dataclass(frozen=True)
class Coded:
    """A coded packet without its container's framing; its decoding time where the file tells."""

    time: Fraction
    decoded: Fraction | None
    data: bytes


def coded(path: Path, kind: str) -> list[Coded]:
    """All packets of a file's first stream of a kind."""
    with av.open(str(path)) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        unframed = _unframed(stream)
        return [
            Coded(
                packet.pts * packet.time_base,
                None if packet.dts is None else packet.dts * packet.time_base,
                unframed(bytes(packet)),
            )
            for packet in container.demux(stream)
            if packet.size
        ]


def _unframed(stream):
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


def _hash(frame) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for plane in frame.planes:
        digest.update(bytes(plane))
    return digest.hexdigest()
