"""The statistics of a timeline's segments: in the row of its flow, later in a row of `timelines`."""

from typing import Final, NamedTuple

from services.metadata.adapters.vast.queries import Row, Values
from services.metadata.adapters.vast.reading.view import View
from services.metadata.adapters.vast.schema import STATISTICS
from services.shared.timerange import MAX_NS, MIN_NS, TimeRange
from services.vast_client.filters.filters import Equal
from services.vast_client.plans import Kind

NEW_TIMELINE: Final[Values] = {**dict.fromkeys(STATISTICS), "segments": 0, "longest_ns": 0}
EMPTIED_TIMELINE: Final[Values] = {"segments": 0, "start_ns": None, "end_ns": None, "end_inclusive": None}


class Bounds(NamedTuple):
    """A range as integers: `low` inclusive, `high` exclusive."""

    low: int
    high: int

    @classmethod
    def of(cls, timerange: TimeRange) -> "Bounds":
        """The bounds of a range. An open end has the first or last moment of time."""
        low = MIN_NS if timerange.start is None else timerange.start
        return cls(low, MAX_NS if timerange.end is None else timerange.end)


class Timeline(NamedTuple):
    """The row with the statistics of a timeline, and the table of that row."""

    table: str
    row: Row

    @property
    def number(self) -> int:
        """The number of the timeline, which its segments have."""
        return int(self.row["timeline"])

    @property
    def known(self) -> bool:
        """True if the row has statistics. A row that is older than one of their columns has none."""
        row = self.row
        empty = row["segments"] == 0
        return empty or None not in (row["segments"], row["start_ns"], row["end_ns"], row["longest_ns"])

    @property
    def bounds(self) -> Bounds | None:
        """The extent of the segments; None without segments. With unknown statistics, it is all of time."""
        if not self.known:
            return Bounds(MIN_NS, MAX_NS)
        return Bounds(self.row["start_ns"], self.row["end_ns"]) if self.row["segments"] else None

    @property
    def spacing(self) -> float:
        """The average distance between the starts of two segments, in nanoseconds."""
        if not self.known or not self.row["segments"]:
            return 1.0
        low, high = int(self.row["start_ns"]), int(self.row["end_ns"])
        return max(1.0, (high - low) / int(self.row["segments"]))

    def earliest_start(self, moment: int) -> int:
        """The earliest time when a segment may start that extends beyond the moment."""
        longest = self.row["longest_ns"] if self.known else MAX_NS
        return MIN_NS if longest >= MAX_NS or not self.row["segments"] else max(MIN_NS, moment - longest + 1)

    def update(self, view: View, **values: object) -> None:
        """Store statistics in the row."""
        view.update(self.table, self.row, **values)


def timeline_of(view: View, number: int | None) -> Timeline | None:
    """The timeline with a number; None if it does not exist, as for a flow that has lost its timeline."""
    if number is None:
        return None
    if (flow_id := view.flow_of(number)) is not None:
        row = view.row("flows", "id", flow_id)
        if row is not None and row["timeline"] == number:
            return Timeline("flows", row)
    found = view.lookup("flows", "timeline", number, ("id", "timeline"))
    row = view.row("flows", "id", found[0]["id"]) if found else None
    if row is not None:
        return Timeline("flows", row)
    row = view.row("timelines", "timeline", number)
    return None if row is None else Timeline("timelines", row)


def counted_statistics(view: View, number: int) -> Values:
    """The statistics of a timeline, counted from all of its segments. That is slow, so it is for repairs."""
    where = Equal("flow", number)
    found = view.select("segments", where, ("flow", "start_ns", "end_ns", "end_inclusive"), Kind.SCAN)
    # A segment without a start or an end is on no page.
    rows = [row for row in found if row["start_ns"] is not None and row["end_ns"] is not None]
    if not rows:
        return {**EMPTIED_TIMELINE, "longest_ns": 0}
    last = max(rows, key=lambda row: int(row["end_ns"]))
    return {
        "segments": len(rows),
        "start_ns": min(row["start_ns"] for row in rows),
        "end_ns": last["end_ns"],
        "end_inclusive": bool(last["end_inclusive"]),
        "longest_ns": min(MAX_NS, max(row["end_ns"] - row["start_ns"] for row in rows)),
    }


def take_timeline(view: View, number: int) -> Values:
    """The number and statistics of a timeline without a flow, for the row of its flow. Its row is removed."""
    rows = view.lookup("timelines", "timeline", number)
    view.delete("timelines", rows)
    statistics = {name: rows[0][name] for name in STATISTICS} if rows else NEW_TIMELINE
    return {"timeline": number, **statistics}


def save_timeline(view: View, flow: Row) -> None:
    """Keep the statistics of a deleted flow while it has segments."""
    if flow["segments"] != 0:
        view.insert("timelines", timeline=flow["timeline"], **{name: flow[name] for name in STATISTICS})
