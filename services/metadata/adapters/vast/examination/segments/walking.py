"""Walks over the rows of segments, of all timelines or of one, in parts of limited size."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

from services.metadata.adapters.vast.examination.key_pages import Key, between, keys_from
from services.metadata.adapters.vast.examination.segments import rows as segment_rows
from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.reading.snapshot import with_defaults
from services.metadata.adapters.vast.schema import COLUMNS
from services.metadata.adapters.vast.segments.statistics import counted_statistics
from services.metadata.adapters.vast.tables import VastTables
from services.metadata.application.ports.examination import Inconsistency
from services.shared.timerange import MIN_NS
from services.vast_client.filters.filters import And, Equal, Filter, In
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import Transaction

_TABLE: Final = "segments"
# Rows of one timeline that one transaction mends.
_SLICE: Final = 1000


class Place(NamedTuple):
    """A place to continue at: a timeline, and a start of segments in it."""

    timeline: int = 0
    start_ns: int = MIN_NS

    @classmethod
    def parse(cls, text: str) -> "Place":
        """The place in a text that `str` gave; "" is the beginning. ValueError for other texts."""
        timeline, _, start = text.partition("@")
        return cls(int(timeline or 0), int(start or MIN_NS))

    def __str__(self) -> str:
        """The text that callers get and pass back."""
        return f"{self.timeline}@{self.start_ns}"


class CheckedRows(NamedTuple):
    """The findings, the timelines without a flow, the number of rows, and the next place; None at the end."""

    found: list[Inconsistency]
    unowned: list[int]
    rows: int
    after: Place | None


def check_page(transaction: Transaction, place: Place, most: int) -> CheckedRows:
    """Check about `most` rows, from a place on."""
    timelines = keys_from(transaction, _TABLE, "flow", place.timeline, most)
    if timelines.crowded or place.start_ns != MIN_NS:
        return _check_within(transaction, place, most)
    where = between("flow", place.timeline, timelines.after)
    after = None if timelines.after is None else Place(int(timelines.after))
    return _check(transaction, timelines.values, where, after)


def _check_within(transaction: Transaction, place: Place, most: int) -> CheckedRows:
    """Check about `most` rows of one timeline."""
    of_timeline = Equal("flow", place.timeline)
    starts = keys_from(transaction, _TABLE, "start_ns", place.start_ns, most, among=of_timeline)
    where = And((of_timeline, between("start_ns", place.start_ns, starts.after)))
    following = Place(place.timeline + 1)
    after = following if starts.after is None else Place(place.timeline, int(starts.after))
    return _check(transaction, [place.timeline], where, after)


def _check(
    transaction: Transaction, timelines: Sequence[Key], where: Filter, after: Place | None
) -> CheckedRows:
    owners = transaction.select(
        "flows", ("id", "timeline"), In("timeline", tuple(timelines)), kind=Kind.PAGE
    ).to_pylist()
    flow_ids = {row["timeline"]: row["id"] for row in owners}
    table = transaction.select(_TABLE, COLUMNS[_TABLE], where, kind=Kind.PAGE, row_ids=True)
    by_timeline: dict[int, list[Row]] = defaultdict(list)
    for row in with_defaults(_TABLE, table).to_pylist():
        if row["start_ns"] is not None:
            by_timeline[row["flow"]].append(row)
    found = [
        finding
        for timeline, rows in by_timeline.items()
        if timeline in flow_ids
        for finding in segment_rows.check(flow_ids[timeline], rows)
    ]
    unowned = sorted(by_timeline.keys() - flow_ids.keys())
    return CheckedRows(found, unowned, table.num_rows, after)


def mend_slice(tables: VastTables, flow_id: str, start_ns: int) -> int | None:
    """Mend about 1000 rows of a flow from a start on; after the last rows, also its statistics.

    Returns the start of the next rows; None at the end.
    """
    flow = tables.view.row("flows", "id", flow_id)
    if flow is None or flow["timeline"] is None:
        return None
    rows, after = _slice(tables, flow["timeline"], start_ns)
    segment_rows.mend(tables, flow_id, rows)
    if after is None:
        for row in tables.view.lookup("flows", "id", flow_id):
            tables.view.update("flows", row, **counted_statistics(tables.view, flow["timeline"]))
    return after


def _slice(tables: VastTables, timeline: int, low: int) -> tuple[list[Row], int | None]:
    """All rows that start in a range from `low` on, and the end of the range; None for no end."""
    high: int | None = None
    while True:
        where = And((Equal("flow", timeline), between("start_ns", low, high)))
        single = high == low + 1
        found = tables.view.select_up_to(_TABLE, where, COLUMNS[_TABLE], None if single else _SLICE)
        if found.complete:
            return list(found.rows), high
        starts = sorted(row["start_ns"] for row in found.rows)
        high = max(low + 1, starts[len(starts) // 2])
