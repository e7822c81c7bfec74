"""Times of a file's packets on the clock of their flow.

The clock of a flow is exact for its samples. For video it is the clock of the file. For audio it is the
coarsest clock that has both the ticks of the file and whole samples: some files keep audio time in
milliseconds or in 1/90000 s, where samples do not fall on ticks. So audio time is counted in samples from
the first packet. The count restarts only where the time stamps of the file differ from it: at a real gap.
"""

# PyAV's Packet is generic to type checkers only.
from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from client.essence.coding.parameters import frame_rate
from client.essence.errors import EssenceError
from client.essence.segmenting.cutting import TimedPacket
from client.essence.timing import joint_clock, nearest, rescale


class VideoClock:
    """Times of a video stream's packets."""

    def __init__(self, stream: VideoStream) -> None:
        self.tick = _tick(stream)
        rate = frame_rate(stream) or stream.average_rate
        # For packets without a duration in the file.
        self._frame = rescale(1, 1 / rate, self.tick) if rate else 1
        self._dts: int | None = None
        # The packets before the first decoding time of the file.
        self._early: list[Packet[Stream]] = []

    def read(self, packet: Packet[Stream]) -> Iterator[TimedPacket]:
        """The packet with its times."""
        if packet.pts is None:
            raise EssenceError(
                "the video has no time stamps; first convert it to a container with time stamps"
            )
        self._early.append(packet)
        if self._dts is not None or packet.dts is not None:
            yield from self._timed(packet.dts)

    def finish(self) -> Iterator[TimedPacket]:
        """The packets of a file without any decoding time."""
        times = sorted(packet.pts or 0 for packet in self._early)
        lead = max((pts - (p.pts or 0) for pts, p in zip(times, self._early, strict=True)), default=0)
        if times:
            yield from self._timed(times[-1] - lead)

    def _timed(self, dts: int | None) -> Iterator[TimedPacket]:
        """The waiting packets in decoding order, a picture apart; the last one is decoded at `dts`."""
        waiting, self._early = self._early, []
        for behind, packet in zip(range(len(waiting) - 1, -1, -1), waiting, strict=True):
            packet_dts = (self._dts or 0) + 1 if dts is None else dts - behind * self._frame
            pts = packet.pts or 0
            if self._dts is not None and (packet_dts <= self._dts or packet_dts > pts):
                raise EssenceError(f"the video's time stamps go backwards at {pts * self.tick} s")
            self._dts = packet_dts
            yield TimedPacket(packet, pts, packet_dts, packet.duration or self._frame, packet.is_discard)


class AudioClock:
    """Times of an audio stream's packets."""

    def __init__(self, stream: AudioStream) -> None:
        self._file_tick = _tick(stream)
        rate = Fraction(1, stream.codec_context.sample_rate)
        self.tick = joint_clock(self._file_tick, rate)
        self.sample = rescale(1, rate, self.tick)
        self._frame_samples = stream.codec_context.frame_size
        self._next: int | None = None

    def read(self, packet: Packet[Stream]) -> Iterator[TimedPacket]:
        """The packet with its times; nothing for a packet without duration."""
        duration = self._samples(packet) * self.sample
        start = self._start(packet, duration)
        if duration:
            self._next = start + duration
            yield TimedPacket(packet, start, start, duration)

    def finish(self) -> Iterator[TimedPacket]:
        """Nothing: `read` has returned every packet."""
        return iter(())

    def _start(self, packet: Packet[Stream], duration: int) -> int:
        if packet.pts is None:
            if self._next is None:
                raise EssenceError(
                    "the audio has no time stamps; first convert it to a container with time stamps"
                )
            return self._next
        stamp = rescale(packet.pts, self._file_tick, self.tick)
        # Rounding moves a time stamp by less than two ticks of the file; a quarter of a packet is inaudible.
        slack = max(2 * rescale(1, self._file_tick, self.tick), duration // 4)
        if self._next is not None and abs(stamp - self._next) <= slack:
            return self._next
        return stamp

    def _samples(self, packet: Packet[Stream]) -> int:
        tick = self._file_tick / Fraction(self.sample) / self.tick
        counted = nearest((packet.duration or 0) * tick.numerator, tick.denominator)
        fixed = self._frame_samples
        # A duration in coarse ticks stands for the codec's fixed number of samples per packet.
        return fixed if fixed and (not packet.duration or abs(counted - fixed) <= tick) else counted


def priming(packet: Packet[Stream]) -> int:
    """The number of samples at the start of a stream's first packet that only the decoder needs.

    The demuxer takes it from the file's edit list or codec delay.
    """
    if not packet.has_sidedata("skip_samples"):
        return 0
    return int.from_bytes(bytes(packet.get_sidedata("skip_samples"))[:4], "little")


def _tick(stream: Stream) -> Fraction:
    tick = stream.time_base
    if tick is None or tick.numerator != 1:
        raise EssenceError(f"stream {stream.index} counts time in {tick} s, which is not supported")
    return tick
