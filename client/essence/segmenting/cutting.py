"""Cuts a stream of coded packets into the pieces that become segments.

Video is cut before key frames, audio between any two packets. Cuts fall on a grid: the first possible
position at or after each multiple of the target duration, within half a packet. So the cuts of all streams
of a recording lie close together, and the same file is always cut the same way.

Times are presentation times. With reordered pictures the packets of a piece are in decoding order, and its
first picture is not always its first packet: the key frame of an open group is followed by pictures that
are shown before it. A piece lasts from its first picture to the first picture of the next piece, or to the
end of its last picture if pictures are missing in between.
"""

# PyAV's Packet is generic to type checkers only.
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from av.packet import Packet
from av.stream import Stream

from client.essence.errors import EssenceError

MAX_BYTES: Final = 256 * 1024 * 1024


@dataclass(slots=True)
class TimedPacket:
    """A packet with its times in ticks of the flow's clock.

    An edit list of the file makes packets `hidden`: decoded and not shown (ISO/IEC 14496-12, 8.6.6).
    """

    packet: Packet[Stream]
    pts: int
    dts: int
    duration: int
    hidden: bool = False

    @property
    def end(self) -> int:
        """The end of the packet's last sample."""
        return self.pts + self.duration

    @property
    def middle(self) -> int:
        """The middle of the packet, so rounding does not decide on which side of a grid line it lies."""
        return self.pts + self.duration // 2


@dataclass(frozen=True, slots=True)
class Cut:
    """One piece: its packets in decoding order, and its presented time, in ticks of the flow's clock.

    `last` is the start of the last sample. Samples before `sample_offset` are only for decoding.
    """

    packets: Sequence[TimedPacket]
    start: int
    end: int
    last: int
    sample_offset: int
    sample_count: int
    key_frame_count: int | None


class VideoCutter:
    """Cuts video before key frames; `target` is in ticks."""

    def __init__(self, target: int) -> None:
        self._target = target
        # A complete piece, held until the start of the next piece gives its end.
        self._held: list[TimedPacket] = []
        self._open: list[TimedPacket] = []
        self._bytes = 0

    def push(self, coded: TimedPacket) -> Iterator[Cut]:
        """Take the next packet; yields the piece it completes."""
        if coded.packet.is_keyframe and not coded.hidden and self._due(coded):
            yield from self._turn()
        self._open.append(coded)
        self._bytes += coded.packet.size
        if self._bytes > MAX_BYTES:
            raise EssenceError(f"{MAX_BYTES >> 20} MiB of video have no key frame to cut at")

    def finish(self) -> Iterator[Cut]:
        """The last pieces."""
        yield from self._turn()
        if self._held:
            yield _video_cut(self._held, None)

    def _due(self, key: TimedPacket) -> bool:
        first = next((coded for coded in self._open if not coded.hidden), None)
        return first is not None and key.middle // self._target > first.middle // self._target

    def _turn(self) -> Iterator[Cut]:
        complete, self._open, self._bytes = self._open, [], 0
        if not self._held or not complete:
            self._held += complete
            return
        following = min(_shown(complete), default=None)
        if following is None or following <= max(_shown(self._held)):
            # Pictures of both overlap in presentation, so no cut is possible.
            self._held += complete
            return
        yield _video_cut(self._held, following)
        self._held = complete


class AudioCutter:
    """Cuts audio between packets; `target` and `sample` are in ticks, `priming` counts samples."""

    def __init__(self, target: int, sample: int, priming: int) -> None:
        self._target = target
        self._sample = sample
        self._priming = priming
        self._open: list[TimedPacket] = []

    def push(self, coded: TimedPacket) -> Iterator[Cut]:
        """Take the next packet; yields the piece it completes."""
        if self._open and (coded.pts != self._open[-1].end or coded.middle // self._target > self._slot()):
            yield self._cut(coded.pts)
        self._open.append(coded)

    def finish(self) -> Iterator[Cut]:
        """The last piece."""
        if self._open:
            yield self._cut(None)

    def _slot(self) -> int:
        first = self._open[0]
        return (first.middle + self._priming * self._sample) // self._target

    def _cut(self, following: int | None) -> Cut:
        packets, self._open = self._open, []
        hidden, self._priming = self._priming, 0
        start, end = packets[0].pts + hidden * self._sample, packets[-1].end
        if following is not None:
            end = min(end, following)
        if end <= start:
            raise EssenceError("audio packets overlap in time: the file's time stamps are wrong")
        count = -(-(end - start) // self._sample)
        last = start + (count - 1) * self._sample
        return Cut(packets, start, end, last, hidden, count, None)


def regular(cut: Cut, frame: Fraction) -> bool:
    """True if all pictures of a cut fall on the grid of a frame duration, given in ticks.

    Pictures may be missing. A tick is the file's own precision, so each time stamp may be off by one.
    """
    return all(_distance(time - cut.start, frame) <= 1 for time in [*_shown(cut.packets), cut.end])


def _distance(ticks: int, frame: Fraction) -> Fraction:
    return abs(ticks - round(ticks / frame) * frame)


def _shown(packets: Sequence[TimedPacket]) -> list[int]:
    return [coded.pts for coded in packets if not coded.hidden]


def _video_cut(packets: Sequence[TimedPacket], following: int | None) -> Cut:
    shown = sorted((coded for coded in packets if not coded.hidden), key=lambda coded: coded.pts)
    if not shown:
        raise EssenceError("the file's edit list hides all pictures")
    start, last = shown[0].pts, shown[-1]
    hidden = [coded.pts for coded in packets if coded.hidden]
    if any(start < pts < last.pts for pts in hidden):
        raise EssenceError("the file's edit list hides pictures in the middle, which a flow cannot express")
    # A picture lasts until the next picture, unless that is more than half a picture late.
    contiguous = following is not None and following <= last.end + last.duration // 2
    end = following if following is not None and contiguous else last.end
    return Cut(
        packets=packets,
        start=start,
        end=end,
        last=last.pts,
        sample_offset=sum(pts < start for pts in hidden),
        sample_count=len(shown),
        key_frame_count=sum(coded.packet.is_keyframe for coded in shown),
    )
