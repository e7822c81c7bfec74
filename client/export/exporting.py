"""Writes a time range of a flow to a file.

The file's time zero is the start of the range. Media that begins later begins later in the file, and gaps
keep their duration. A multi flow becomes one file with a track for each of its flows.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mediatimestamp import TimeRange

from client.essence.errors import EssenceError
from client.essence.files.movie import Movie, form_of
from client.essence.interval import Interval
from client.export.interleaving import TrackSource, interleave
from client.export.ports import Store
from client.export.reading import FlowReader
from client.export.selection import export_interval, members

# Nanoseconds of media done, and their total.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Exported:
    """The outcome of an export.

    `presented` is what a player shows: more than `timerange` if the file format cannot hide the rest.
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
    """Write a flow, or the flows a multi flow collects, to a file; its suffix chooses the format.

    The default timerange is the whole flow. EssenceError if it has no media or cannot be written; then no new
    file is left, and an existing file stays as it was.
    """
    form = form_of(path)
    flows = await members(store, flow_id)
    interval = export_interval(flows, timerange)
    readers = [FlowReader(store, flow, interval) for flow in flows]
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        presented = await _write(readers, interval, partial, form, progress)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
        for reader in readers:
            reader.close()
    return Exported(path, interval.timerange(), presented.timerange(), tuple(flow.id for flow in flows))


async def _write(
    readers: Sequence[FlowReader], interval: Interval, path: Path, form: str, progress: Progress
) -> Interval:
    sources = [TrackSource(reader) for reader in readers]
    try:
        for source in sources:
            await source.advance()
        filled = [source for source in sources if source.next is not None]
        if not filled:
            raise EssenceError(f"the flow has no media in {interval.timerange()}")
        total = interval.end - interval.start
        presented = await _write_file(
            path, form, filled, lambda done: progress(min(max(done, 0), total), total)
        )
        progress(total, total)
        return presented.moved(interval.start)
    finally:
        for source in sources:
            await source.units.aclose()


async def _write_file(
    path: Path, form: str, sources: Sequence[TrackSource], advanced: Callable[[int], None]
) -> Interval:
    """Write the file; returns the presented interval, from the export's start."""
    movie = Movie(path, form, [source.track() for source in sources])
    try:
        stored = await interleave(movie, sources, advanced)
    except BaseException:
        movie.abandon()
        raise
    shown = [(source.reader.begin or 0, source.reader.end) for source in sources]
    movie.finish(shown)
    if not movie.hides:
        return stored
    times = [
        (source.time(begin), source.time(end)) for source, (begin, end) in zip(sources, shown, strict=True)
    ]
    return Interval(min(begin for begin, _ in times), max(end for _, end in times))
