"""Computes the exact position of an object's packets on their flow's timeline.

An object has time stamps in 1/90000 s; ts_offset maps one of its samples to the flow exactly, and other
samples within a tick. From that sample, video follows the grid of the flow's frame rate and audio the count
of samples, while the stored time stamps agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Final

from client.essence.objects.mpegts import StoredPacket
from client.essence.timing import MAX_RATE, NANOSECOND, TS_TICK, nearest, rescale, unwrap

# Ticks of 1/90000 s: two time stamps are rounded, and the grid they are compared with is exact.
_SLACK: Final = Fraction(3, 2)


@dataclass(frozen=True, slots=True)
class PlacedPacket:
    """A packet on the flow's timeline, in ticks of the clock it was placed with."""

    data: bytes
    pts: int
    dts: int
    duration: int
    key: bool

    @property
    def end(self) -> int:
        """The end of the packet's last sample."""
        return self.pts + self.duration


@dataclass(frozen=True, slots=True)
class SegmentTiming:
    """The start and end of a segment and its ts_offset, in nanoseconds from the timeline's zero."""

    start: int
    end: int
    ts_offset: int


def video_clock(frame_rate: Fraction | None) -> Fraction:
    """A clock that has both the ticks of stored time stamps and whole frames."""
    rate = lcm(TS_TICK.denominator, frame_rate.numerator if frame_rate else 1)
    return Fraction(1, rate) if rate <= MAX_RATE else TS_TICK


def place_video(
    packets: Sequence[StoredPacket], timing: SegmentTiming, clock: Fraction, frame_rate: Fraction | None
) -> list[PlacedPacket]:
    """The packets of a video segment's object; frames that keep the frame rate are exactly on its grid."""
    expected = rescale(timing.start - timing.ts_offset, NANOSECOND, TS_TICK)
    times = [(unwrap(packet.pts, expected), unwrap(packet.dts, expected)) for packet in packets]
    # The time of the segment's first picture is exact: it is the stored time nearest to the expected time.
    anchor = min((pts for pts, _ in times), key=lambda pts: abs(pts - expected))
    origin = rescale(anchor, TS_TICK, NANOSECOND) + timing.ts_offset
    frame = 1 / frame_rate if frame_rate and (1 / frame_rate / clock).denominator == 1 else None

    def ticks(stored: int) -> int:
        return rescale(origin, NANOSECOND, clock) + _on_grid(stored - anchor, clock, frame)

    return [
        PlacedPacket(
            packet.data, ticks(pts), ticks(dts), rescale(packet.duration, TS_TICK, clock), packet.key
        )
        for packet, (pts, dts) in zip(packets, times, strict=True)
    ]


def place_audio(
    packets: Sequence[StoredPacket], timing: SegmentTiming, clock: Fraction, frame_samples: int
) -> list[PlacedPacket]:
    """The packets of an audio segment's object; the clock ticks once a sample."""
    expected = rescale(timing.start - timing.ts_offset, NANOSECOND, TS_TICK)
    placed: list[PlacedPacket] = []
    for packet in packets:
        stamp = rescale(unwrap(packet.pts, expected), TS_TICK, NANOSECOND) + timing.ts_offset
        start = rescale(stamp, NANOSECOND, clock)
        samples = _samples(packet, clock, frame_samples)
        if placed and abs(start - placed[-1].end) <= samples // 4:
            start = placed[-1].end
        placed.append(PlacedPacket(packet.data, start, start, samples, packet.key))
    return placed


def _on_grid(stored: int, clock: Fraction, frame: Fraction | None) -> int:
    """Ticks of the clock for a distance in 1/90000 s, corrected to a whole frame within the rounding."""
    if frame is None:
        return rescale(stored, TS_TICK, clock)
    count = rescale(stored, TS_TICK, frame)
    if abs(count * frame / TS_TICK - stored) > _SLACK:
        return rescale(stored, TS_TICK, clock)
    return nearest(count * frame.numerator * clock.denominator, frame.denominator)


def _samples(packet: StoredPacket, clock: Fraction, fixed: int) -> int:
    counted = rescale(packet.duration, TS_TICK, clock)
    return fixed if fixed and abs(counted - fixed) <= rescale(1, TS_TICK, clock) + 1 else counted
