"""Where the packets of an object lie on their flow's timeline, exactly.

An object has time stamps in 1/90000 s; ts_offset maps one sample of it to the flow exactly, and the others
to a tick. From there video goes on the grid of the flow's frame rate, and audio by counting samples, as long
as the stored time stamps agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Final

from client.essence.mpegts import Stored
from client.essence.timing import MAX_RATE, NANOSECOND, TS_TICK, nearest, rescale, unwrap

# Ticks of 1/90000 s: each of two time stamps is rounded, and the grid they are compared on is exact.
_SLACK: Final = Fraction(3, 2)


@dataclass(frozen=True, slots=True)
class Placed:
    """A packet on the flow's timeline, in ticks of the clock it was placed with."""

    data: bytes
    pts: int
    dts: int
    duration: int
    key: bool

    @property
    def end(self) -> int:
        """When the packet's last sample ends."""
        return self.pts + self.duration


@dataclass(frozen=True, slots=True)
class Place:
    """A segment's stretch of a flow and its ts_offset, all in nanoseconds from the timeline's zero."""

    start: int
    end: int
    ts_offset: int


def video_clock(frame_rate: Fraction | None) -> Fraction:
    """A clock that has both the ticks of stored time stamps and whole frames."""
    rate = lcm(TS_TICK.denominator, frame_rate.numerator if frame_rate else 1)
    return Fraction(1, rate) if rate <= MAX_RATE else TS_TICK


def place_video(
    packets: Sequence[Stored], place: Place, clock: Fraction, frame_rate: Fraction | None
) -> list[Placed]:
    """The packets of a video segment's object; frames that keep the rate fall on its grid exactly."""
    expected = rescale(place.start - place.ts_offset, NANOSECOND, TS_TICK)
    times = [(unwrap(packet.pts, expected), unwrap(packet.dts, expected)) for packet in packets]
    # The segment's first picture, whose time is exact: the stored time nearest to what ts_offset says.
    mark = min((pts for pts, _ in times), key=lambda pts: abs(pts - expected))
    origin = rescale(mark, TS_TICK, NANOSECOND) + place.ts_offset
    frame = 1 / frame_rate if frame_rate and (1 / frame_rate / clock).denominator == 1 else None

    def ticks(stored: int) -> int:
        return rescale(origin, NANOSECOND, clock) + _on_grid(stored - mark, clock, frame)

    return [
        Placed(packet.data, ticks(pts), ticks(dts), rescale(packet.duration, TS_TICK, clock), packet.key)
        for packet, (pts, dts) in zip(packets, times, strict=True)
    ]


def place_audio(packets: Sequence[Stored], place: Place, clock: Fraction, frame_samples: int) -> list[Placed]:
    """The packets of an audio segment's object; the clock ticks once a sample."""
    expected = rescale(place.start - place.ts_offset, NANOSECOND, TS_TICK)
    placed: list[Placed] = []
    for packet in packets:
        told = rescale(unwrap(packet.pts, expected), TS_TICK, NANOSECOND) + place.ts_offset
        start = rescale(told, NANOSECOND, clock)
        samples = _samples(packet, clock, frame_samples)
        if placed and abs(start - placed[-1].end) <= samples // 4:
            start = placed[-1].end
        placed.append(Placed(packet.data, start, start, samples, packet.key))
    return placed


def _on_grid(stored: int, clock: Fraction, frame: Fraction | None) -> int:
    """Ticks of the clock for a distance in 1/90000 s: that of the nearest whole frame where it is meant."""
    if frame is None:
        return rescale(stored, TS_TICK, clock)
    count = rescale(stored, TS_TICK, frame)
    if abs(count * frame / TS_TICK - stored) > _SLACK:
        return rescale(stored, TS_TICK, clock)
    return nearest(count * frame.numerator * clock.denominator, frame.denominator)


def _samples(packet: Stored, clock: Fraction, whole: int) -> int:
    told = rescale(packet.duration, TS_TICK, clock)
    return whole if whole and abs(told - whole) <= rescale(1, TS_TICK, clock) + 1 else told
