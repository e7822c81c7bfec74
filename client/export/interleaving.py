"""Packets of several flows, in the order in which they are decoded."""

from collections.abc import Callable, Sequence
from typing import Final

from client.essence.movie import Movie, Track, Unit
from client.essence.stretch import Stretch
from client.essence.timing import NANOSECOND, NS, rescale
from client.export.reading import FlowReader

# Nanoseconds of media between two reports of progress.
_STEP: Final = NS // 2


class Lane:
    """A flow on its way into the file, and the packet that is to be written next; None when it is done."""

    def __init__(self, reader: FlowReader) -> None:
        self.reader = reader
        self.units = reader.units()
        self.next: Unit | None = None

    async def advance(self) -> None:
        """Go on to the next packet."""
        self.next = await anext(self.units, None)

    def time(self, ticks: int) -> int:
        """Ticks of this flow's clock in nanoseconds."""
        return rescale(ticks, self.reader.clock, NANOSECOND)

    def track(self) -> Track:
        """The track for this flow, described after the object that is open."""
        if self.reader.opened is None:
            raise ValueError("a flow has a track only once its first packet is read")
        return Track(self.reader.opened.stream, self.reader.clock)


async def interleave(movie: Movie, lanes: Sequence[Lane], advanced: Callable[[int], None]) -> Stretch:
    """Write all packets; returns the stretch they fill, `advanced` hears how far they are, in nanoseconds."""
    begin, end, told = None, 0, 0
    while True:
        waiting = [
            (lane.time(lane.next.dts), index, lane, lane.next)
            for index, lane in enumerate(lanes)
            if lane.next is not None
        ]
        if not waiting:
            return Stretch(begin or 0, end)
        time, index, lane, unit = min(waiting, key=lambda entry: entry[:2])
        movie.write(index, unit)
        begin = min(lane.time(unit.pts), begin) if begin is not None else lane.time(unit.pts)
        end = max(lane.time(unit.pts + unit.duration), end)
        if time >= told:
            advanced(time)
            told = time + _STEP
        await lane.advance()
