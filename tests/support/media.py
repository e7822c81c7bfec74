"""What a player gets out of a media file, in forms that compare: pictures, sound, coded packets."""

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from client.essence import nal


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
                runs.append(Sound(last.first, tuple(a + b for a, b in zip(last.channels, data, strict=True))))
            else:
                runs.append(Sound(int(first), data))
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
