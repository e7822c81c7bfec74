"""Writing a flow's stretch of time to a file.

The file's time zero is the start of the stretch. Media that begins later begins later in the file, and gaps
keep their time. A multi flow becomes one file with a track for each of its flows.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mediatimestamp import TimeRange

from client.essence.errors import EssenceError
from client.essence.movie import Movie, form_of
from client.essence.stretch import Stretch
from client.export.interleaving import Lane, interleave
from client.export.ports import Store
from client.export.reading import FlowReader
from client.export.selection import members, stretch

# Nanoseconds of media done, and in all.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    `presented` is what a player shows; wider than `timerange` where the file cannot hide what it must hold.
    """

    path: Path
    timerange: TimeRange
    presented: TimeRange
    flows: tuple[str, ...]


async def export(
    store: Store,
    flow_id: str,
    path: Path,
    timerange: TimeRange | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Exported:
    """Write a flow, or the flows a multi flow collects, to a file whose ending tells its kind.

    Without a timerange all of it. EssenceError where there is no media in it, or it cannot be written; then
    no file is left behind, and an existing one stays as it was.
    """
    form = form_of(path)
    flows = await members(store, flow_id)
    wanted = stretch(flows, timerange)
    readers = [FlowReader(store, flow, wanted) for flow in flows]
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        presented = await _write(readers, wanted, unfinished, form, progress)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
        for reader in readers:
            reader.close()
    return Exported(path, wanted.timerange(), presented.timerange(), tuple(flow.id for flow in flows))


async def _write(
    readers: Sequence[FlowReader], wanted: Stretch, path: Path, form: str, progress: Progress
) -> Stretch:
    lanes = [Lane(reader) for reader in readers]
    try:
        for lane in lanes:
            await lane.advance()
        filled = [lane for lane in lanes if lane.next is not None]
        if not filled:
            raise EssenceError(f"the flow has no media in {wanted.timerange()}")
        total = wanted.end - wanted.start
        written = await _written(path, form, filled, lambda done: progress(min(max(done, 0), total), total))
        progress(total, total)
        return written.moved(wanted.start)
    finally:
        for lane in lanes:
            await lane.units.aclose()


async def _written(path: Path, form: str, lanes: Sequence[Lane], advanced: Callable[[int], None]) -> Stretch:
    """Write the file; returns what it presents, from the export's start."""
    movie = Movie(path, form, [lane.track() for lane in lanes])
    try:
        stored = await interleave(movie, lanes, advanced)
    except BaseException:
        movie.abandon()
        raise
    shown = [(lane.reader.begin or 0, lane.reader.end) for lane in lanes]
    movie.finish(shown)
    if not movie.hides:
        return stored
    times = [(lane.time(begin), lane.time(end)) for lane, (begin, end) in zip(lanes, shown, strict=True)]
    return Stretch(min(begin for begin, _ in times), max(end for _, end in times))
