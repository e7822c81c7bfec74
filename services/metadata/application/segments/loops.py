"""Loops: deletes the segments that flows with the tag `loop_recorder_duration` no longer keep.

The bound of a flow lies that many seconds before the end of its last segment. A flow that nobody records any
more keeps its last part, whatever the clock says. Each slice is one transaction, which reads the flow, its
tag and its end again. So nothing is lost if the process is killed between two slices, and several processes
that work on one flow do no harm.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from functools import partial
from random import uniform
from typing import Final, TypeVar

from services.metadata.application.audit.recording import record
from services.metadata.application.clock import Clock, Moment, authored_moment
from services.metadata.application.deletion_requests import delete_for_good
from services.metadata.application.ports import SegmentQuery, Slow, Store, Tables, TaggedFlow
from services.metadata.application.webhooks.outbox import Outbox
from services.metadata.domain.audit import Facts
from services.metadata.domain.flows.flow import StoredFlow
from services.metadata.domain.flows.loop import TAG, expired, parse_seconds, seconds_in
from services.metadata.domain.ids import FlowId
from services.shared.errors import Exhausted, InvalidArgument, TamsError, Unavailable
from services.shared.timerange import ETERNITY, TimeRange

# Flows that one look at the index of tags returns.
PAGE: Final = 200
# Flows that are remembered: those with nothing to delete, and those with a bad value.
_MOST_REMEMBERED: Final = 10_000
_log: Final = logging.getLogger(__name__)
V = TypeVar("V")


class Outcome(Enum):
    """The state of a flow after a slice."""

    # Further segments are to be deleted.
    MORE = "more"
    # Nothing was deleted, and nothing will be until the flow changes.
    SETTLED = "settled"
    # The next round looks at the flow again.
    DONE = "done"


class Loops:
    """Deletes in rounds, with a pause of `pause_seconds` between them. The first begins within that time."""

    def __init__(
        self, store: Store, clock: Clock, pause_seconds: float, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        """`ticks` counts seconds."""
        self._store = store
        self._clock = clock
        self._pause = pause_seconds
        self._ticks = ticks
        # Processes that start together do not look together.
        self._due_at = ticks() + uniform(0.0, pause_seconds)  # noqa: S311 - no secret
        self._after: TaggedFlow | None = None
        self._waiting: deque[TaggedFlow] = deque()
        self._settled: dict[FlowId, TaggedFlow] = {}
        self._complained: dict[FlowId, str] = {}

    async def step(self) -> bool:
        """Delete a slice of one flow, or look for flows if it is time to; True if the round continues."""
        if self._waiting:
            await self._delete_slice(self._waiting.popleft())
        elif self._ticks() >= self._due_at:
            await self._look()
        return bool(self._waiting) or self._after is not None

    async def _look(self) -> None:
        """Find the flows of the next page that may have something to delete."""
        after = self._after
        page = await self._store.read(lambda tables: tables.flows.tagged(TAG, after, PAGE))
        self._after = page[-1] if page else None
        self._waiting.extend(flow for flow in page if self._may_have_expired(flow))
        if not page:
            self._due_at = self._ticks() + self._pause

    def _may_have_expired(self, flow: TaggedFlow) -> bool:
        if flow.start_ns is None or flow.end_ns is None or flow.read_only:
            return False
        kept_ns = self._kept_ns(flow)
        is_settled = self._settled.get(flow.id) == flow
        return kept_ns is not None and flow.start_ns < flow.end_ns - kept_ns and not is_settled

    def _kept_ns(self, flow: TaggedFlow) -> int | None:
        """The time that the flow keeps; None for a bad value, which is logged once."""
        try:
            return parse_seconds(flow.value)
        except InvalidArgument as error:
            if self._complained.get(flow.id) != flow.value:
                _remember(self._complained, flow.id, flow.value)
                _log.warning(
                    "a loop is ignored", extra={"flow": flow.id, "tag": TAG, "reason": error.summary}
                )
            return None

    async def _delete_slice(self, flow: TaggedFlow) -> None:
        now = authored_moment(self._clock)
        try:
            outcome = await self._store.write(Slow(partial(delete_expired, flow_id=flow.id, now=now)))
        except (Exhausted, Unavailable):
            raise
        except TamsError as error:
            # The other flows are not delayed by this one; the next round tries it again.
            _log.warning("a loop is not shortened", extra={"flow": flow.id, "reason": error.summary})
            return
        if outcome is Outcome.MORE:
            self._waiting.append(flow)
        elif outcome is Outcome.SETTLED:
            _remember(self._settled, flow.id, flow)


def delete_expired(tables: Tables, flow_id: FlowId, now: Moment) -> Outcome:
    """Delete the first slice of the segments that a flow no longer keeps, for good.

    A read-only flow stays as it is. While a deletion of the flow is under way, its segments belong to that.
    """
    flow = tables.flows.get(flow_id)
    within = None if flow is None or flow.read_only else _expired_range(tables, flow)
    if flow is None or within is None or tables.deletions.open_for(flow):
        return Outcome.DONE
    removed = delete_for_good(tables, flow.timeline, within, None, now)
    if not removed.segments:
        return Outcome.SETTLED
    Outbox(tables, now).segments_deleted(flow, removed.span)
    facts: Facts = {"count": removed.segments, "span": str(removed.span)}
    record(tables, now, "segments.expire", f"flow:{flow.id}", facts)
    return Outcome.MORE if removed.has_more else Outcome.DONE


def _expired_range(tables: Tables, flow: StoredFlow) -> TimeRange | None:
    """The range that the flow does not keep; None if it keeps all.

    The end is that of the last segment itself, because a wrong extent would delete too much.
    """
    seconds = seconds_in(flow.document)
    last = tables.segments.page(SegmentQuery(flow.id, ETERNITY, reverse=True), 1) if seconds else []
    if not seconds or not last:
        return None
    try:
        return expired(last[0].end_ns, parse_seconds(seconds))
    except InvalidArgument:
        return None


def _remember(memory: dict[FlowId, V], flow_id: FlowId, value: V) -> None:
    """Store a value; the oldest one goes if there are too many."""
    memory.pop(flow_id, None)
    if len(memory) >= _MOST_REMEMBERED:
        del memory[next(iter(memory))]
    memory[flow_id] = value
