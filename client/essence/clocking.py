"""Times of a file's packets on the clock of their flow.

A flow's clock is exact for its samples. For video it is the file's own clock. For audio it is the coarsest
clock that has both the file's ticks and whole samples: files keep audio time in milliseconds or 1/90000 s
too, where samples do not fall on ticks. So audio time is counted in samples from the first packet on, and
begins anew only where the file's time stamps depart from the count: a real gap.
"""

# PyAV's Packet is generic to type checkers only.
from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from client.essence.cutting import Coded
from client.essence.errors import EssenceError
from client.essence.parameters import frame_rate
from client.essence.timing import joint_clock, nearest, rescale


class VideoClock:
    """Times of a video stream's packets."""

    def __init__(self, stream: VideoStream) -> None:
        self.tick = _tick(stream)
        rate = frame_rate(stream) or stream.average_rate
        # For packets whose length the file does not tell.
        self._frame = rescale(1, 1 / rate, self.tick) if rate else 1
        self._dts: int | None = None
        # The first packets, while the file has not told a decoding time yet.
        self._early: list[Packet[Stream]] = []

    def read(self, packet: Packet[Stream]) -> Iterator[Coded]:
        """The packet with its times."""
        if packet.pts is None:
            raise EssenceError("the video has no time stamps; put it into a container that has them first")
        self._early.append(packet)
        if self._dts is not None or packet.dts is not None:
            yield from self._timed(packet.dts)

    def finish(self) -> Iterator[Coded]:
        """The packets of a file that never told a decoding time."""
        shown = sorted(packet.pts or 0 for packet in self._early)
        ahead = max((at - (p.pts or 0) for at, p in zip(shown, self._early, strict=True)), default=0)
        if shown:
            yield from self._timed(shown[-1] - ahead)

    def _timed(self, dts: int | None) -> Iterator[Coded]:
        """The packets that wait, the last of them decoded at `dts`: a picture apart, in decoding order."""
        waiting, self._early = self._early, []
        for behind, packet in zip(range(len(waiting) - 1, -1, -1), waiting, strict=True):
            at = (self._dts or 0) + 1 if dts is None else dts - behind * self._frame
            pts = packet.pts or 0
            if self._dts is not None and (at <= self._dts or at > pts):
                raise EssenceError(f"the video's time stamps go back at {pts * self.tick} s")
            self._dts = at
            yield Coded(packet, pts, at, packet.duration or self._frame, packet.is_discard)


class AudioClock:
    """Times of an audio stream's packets."""

    def __init__(self, stream: AudioStream) -> None:
        self._file_tick = _tick(stream)
        rate = Fraction(1, stream.codec_context.sample_rate)
        self.tick = joint_clock(self._file_tick, rate)
        self.sample = rescale(1, rate, self.tick)
        self._frame_samples = stream.codec_context.frame_size
        self._next: int | None = None

    def read(self, packet: Packet[Stream]) -> Iterator[Coded]:
        """The packet with its times; none for a packet that lasts no time."""
        duration = self._samples(packet) * self.sample
        start = self._start(packet, duration)
        if duration:
            self._next = start + duration
            yield Coded(packet, start, start, duration)

    def finish(self) -> Iterator[Coded]:
        """Nothing: every packet has had its times at once."""
        return iter(())

    def _start(self, packet: Packet[Stream], duration: int) -> int:
        if packet.pts is None:
            if self._next is None:
                raise EssenceError(
                    "the audio has no time stamps; put it into a container that has them first"
                )
            return self._next
        told = rescale(packet.pts, self._file_tick, self.tick)
        # Rounding moves a time stamp by less than two ticks of the file; nobody hears a quarter of a packet.
        slack = max(2 * rescale(1, self._file_tick, self.tick), duration // 4)
        if self._next is not None and abs(told - self._next) <= slack:
            return self._next
        return told

    def _samples(self, packet: Packet[Stream]) -> int:
        tick = self._file_tick / Fraction(self.sample) / self.tick
        told = nearest((packet.duration or 0) * tick.numerator, tick.denominator)
        whole = self._frame_samples
        # A duration in coarse ticks means the codec's fixed number of samples per packet.
        return whole if whole and (not packet.duration or abs(told - whole) <= tick) else told


def priming(packet: Packet[Stream]) -> int:
    """How many samples at the start of a stream's first packet are only there for the decoder.

    The demuxer tells from the file's edit list or codec delay.
    """
    if not packet.has_sidedata("skip_samples"):
        return 0
    return int.from_bytes(bytes(packet.get_sidedata("skip_samples"))[:4], "little")


def _tick(stream: Stream) -> Fraction:
    tick = stream.time_base
    if tick is None or tick.numerator != 1:
        raise EssenceError(f"stream {stream.index} counts time in {tick} s, which is not supported")
    return tick
