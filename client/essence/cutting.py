"""Cutting a stream of coded packets into the stretches that become segments.

Video is cut before key frames, audio between any two packets. Cuts fall on a grid: the first possible place
at each multiple of the target duration or behind it, give or take half a packet. So the cuts of all streams
of a recording lie close together, and the same file is always cut the same way.

Times are those of presentation. With reordered pictures the packets of a stretch are in decoding order, and
its first picture need not be its first packet: behind an open group's key frame come pictures that are shown
before it. A stretch reaches from its first picture to the first of the next stretch, or to the end of
its last picture where pictures are missing in between.
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
class Coded:
    """A packet with its times in ticks of the flow's clock.

    `hidden` packets are decoded and not shown, as an edit list of the file says (ISO/IEC 14496-12, 8.6.6).
    """

    packet: Packet[Stream]
    pts: int
    dts: int
    duration: int
    hidden: bool = False

    @property
    def end(self) -> int:
        """When the packet's last sample ends."""
        return self.pts + self.duration

    @property
    def middle(self) -> int:
        """Half way through; which side of a grid line a packet belongs to must not hang on rounding."""
        return self.pts + self.duration // 2


@dataclass(frozen=True, slots=True)
class Cut:
    """One stretch: its packets in decoding order, and what is presented, in ticks of the flow's clock.

    `last` is the start of the last sample. Samples before `sample_offset` are only there for decoding.
    """

    packets: Sequence[Coded]
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
        # A finished stretch, held until the start of the next one tells where it ends.
        self._held: list[Coded] = []
        self._open: list[Coded] = []
        self._bytes = 0

    def push(self, coded: Coded) -> Iterator[Cut]:
        """Take the next packet; yields the stretch it completes."""
        if coded.packet.is_keyframe and not coded.hidden and self._due(coded):
            yield from self._turn()
        self._open.append(coded)
        self._bytes += coded.packet.size
        if self._bytes > MAX_BYTES:
            raise EssenceError(f"there is no key frame to cut at within {MAX_BYTES >> 20} MiB of video")

    def finish(self) -> Iterator[Cut]:
        """The last stretches."""
        yield from self._turn()
        if self._held:
            yield _video_cut(self._held, None)

    def _due(self, key: Coded) -> bool:
        first = next((coded for coded in self._open if not coded.hidden), None)
        return first is not None and key.middle // self._target > first.middle // self._target

    def _turn(self) -> Iterator[Cut]:
        opened, self._open, self._bytes = self._open, [], 0
        if not self._held or not opened:
            self._held += opened
            return
        following = min(_shown(opened), default=None)
        if following is None or following <= max(_shown(self._held)):
            # Pictures of both are mixed in presentation: there is no place to cut.
            self._held += opened
            return
        yield _video_cut(self._held, following)
        self._held = opened


class AudioCutter:
    """Cuts audio between packets; `target` and `sample` are in ticks, `priming` counts samples."""

    def __init__(self, target: int, sample: int, priming: int) -> None:
        self._target = target
        self._sample = sample
        self._priming = priming
        self._open: list[Coded] = []

    def push(self, coded: Coded) -> Iterator[Cut]:
        """Take the next packet; yields the stretch it completes."""
        if self._open and (coded.pts != self._open[-1].end or coded.middle // self._target > self._slot()):
            yield self._cut(coded.pts)
        self._open.append(coded)

    def finish(self) -> Iterator[Cut]:
        """The last stretch."""
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
            raise EssenceError("audio packets overlap in time: the file's time stamps are broken")
        count = -(-(end - start) // self._sample)
        last = start + (count - 1) * self._sample
        return Cut(packets, start, end, last, hidden, count, None)


def regular(cut: Cut, frame: Fraction) -> bool:
    """Whether all pictures of a cut fall on the grid of a frame duration, given in ticks.

    Some may be missing. A tick is the file's own precision, so each time stamp may be off by one.
    """
    return all(_distance(at - cut.start, frame) <= 1 for at in [*_shown(cut.packets), cut.end])


def _distance(ticks: int, frame: Fraction) -> Fraction:
    return abs(ticks - round(ticks / frame) * frame)


def _shown(packets: Sequence[Coded]) -> list[int]:
    return [coded.pts for coded in packets if not coded.hidden]


def _video_cut(packets: Sequence[Coded], following: int | None) -> Cut:
    shown = sorted((coded for coded in packets if not coded.hidden), key=lambda coded: coded.pts)
    if not shown:
        raise EssenceError("the file's edit list hides all pictures")
    start, last = shown[0].pts, shown[-1]
    hidden = [coded.pts for coded in packets if coded.hidden]
    if any(start < at < last.pts for at in hidden):
        raise EssenceError("the file's edit list hides pictures in the middle, which a flow cannot say")
    # A picture lasts until the next one, unless that is more than half a picture late.
    contiguous = following is not None and following <= last.end + last.duration // 2
    end = following if following is not None and contiguous else last.end
    return Cut(
        packets=packets,
        start=start,
        end=end,
        last=last.pts,
        sample_offset=sum(at < start for at in hidden),
        sample_count=len(shown),
        key_frame_count=sum(coded.packet.is_keyframe for coded in shown),
    )
