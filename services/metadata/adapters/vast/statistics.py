"""Statistics of a flow's segments, in the flow's row while there is one and apart afterwards."""

from typing import Any, Final, NamedTuple

from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.schema import STATISTICS
from services.metadata.adapters.vast.view import View
from services.shared.timerange import MAX_NS, MIN_NS, TimeRange

NONE_YET: Final[dict[str, Any]] = {**dict.fromkeys(STATISTICS), "segments": 0, "longest_ns": 0}


class Bounds(NamedTuple):
    """A range as integers: `low` inclusive, `high` exclusive."""

    low: int
    high: int

    @classmethod
    def of(cls, timerange: TimeRange) -> "Bounds":
        """The bounds of a range; the ends of time where it has none."""
        low = MIN_NS if timerange.start is None else timerange.start
        return cls(low, MAX_NS if timerange.end is None else timerange.end)


class Timeline(NamedTuple):
    """The row that holds a timeline's statistics, and the table that it is in."""

    table: str
    row: Row

    @property
    def number(self) -> int:
        """What segments carry."""
        return int(self.row["timeline"])

    @property
    def bounds(self) -> Bounds | None:
        """What the segments span; None when there are none."""
        return Bounds(self.row["start_ns"], self.row["end_ns"]) if self.row["segments"] else None

    @property
    def spacing(self) -> float:
        """Nanoseconds from one segment's start to the next, on average."""
        if not self.row["segments"]:
            return 1.0
        low, high = int(self.row["start_ns"]), int(self.row["end_ns"])
        return max(1.0, (high - low) / int(self.row["segments"]))

    def reach(self, moment: int) -> int:
        """No segment that starts before this reaches beyond the moment."""
        longest = self.row["longest_ns"]
        return MIN_NS if longest >= MAX_NS or not self.row["segments"] else max(MIN_NS, moment - longest + 1)

    def put(self, view: View, **values: Any) -> None:
        """Store statistics."""
        view.update(self.table, self.row, **values)


def timeline_of(view: View, number: int) -> Timeline | None:
    """The timeline that segments carry the number of."""
    if (flow_id := view.flow_ids.get(number)) is not None:
        row = view.one("flows", "id", flow_id)
        if row is not None and row["timeline"] == number:
            return Timeline("flows", row)
    for table in ("flows", "timelines"):
        row = view.one(table, "timeline", number)
        if row is not None:
            return Timeline(table, row)
    return None


def keep_timeline(view: View, flow: Row) -> None:
    """Keep the statistics of segments that outlive their flow."""
    if flow["segments"]:
        view.insert("timelines", timeline=flow["timeline"], **{name: flow[name] for name in STATISTICS})
