"""Writes packets of several flows in decoding order."""

from collections.abc import Callable, Sequence
from typing import Final

from client.essence.files.movie import Movie, OutputPacket, Track
from client.essence.interval import Interval
from client.essence.timing import NANOSECOND, NS, rescale
from client.export.reading import FlowReader

# Nanoseconds of media between two reports of progress.
_STEP: Final = NS // 2


class TrackSource:
    """A flow that is written to a track, and its next packet; None at the end."""

    def __init__(self, reader: FlowReader) -> None:
        self.reader = reader
        self.units = reader.units()
        self.next: OutputPacket | None = None

    async def advance(self) -> None:
        """Read the next packet."""
        self.next = await anext(self.units, None)

    def time(self, ticks: int) -> int:
        """Convert ticks of this flow's clock to nanoseconds."""
        return rescale(ticks, self.reader.clock, NANOSECOND)

    def track(self) -> Track:
        """The track for this flow, with the codec of the opened object."""
        if self.reader.opened is None:
            raise ValueError("read the first packet of a flow before asking for its track")
        return Track(self.reader.opened.stream, self.reader.clock)


async def interleave(
    movie: Movie, sources: Sequence[TrackSource], advanced: Callable[[int], None]
) -> Interval:
    """Write all packets; returns their interval. `advanced` gets the time reached, in nanoseconds."""
    begin, end, next_report = None, 0, 0
    while True:
        waiting = [
            (source.time(source.next.dts), index, source, source.next)
            for index, source in enumerate(sources)
            if source.next is not None
        ]
        if not waiting:
            return Interval(begin or 0, end)
        time, index, source, unit = min(waiting, key=lambda entry: entry[:2])
        movie.write(index, unit)
        begin = min(source.time(unit.pts), begin) if begin is not None else source.time(unit.pts)
        end = max(source.time(unit.pts + unit.duration), end)
        if time >= next_report:
            advanced(time)
            next_report = time + _STEP
        await source.advance()
