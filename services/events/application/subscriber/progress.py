"""The progress of one subscriber: events that are settled, in the current round, or of lagging keys."""

from typing import Final

from services.events.application.subscriber.lanes import LaggingKey, Lane
from services.events.domain.subscriber import Settled

# While this many keys lag, no round begins, and no other key of a failing subscriber is tried.
MAX_BEHIND: Final = 64


class Progress:
    """Every event up to the id `seen` is settled, in the current round, or of a key in `behind`."""

    def __init__(self, settled: Settled) -> None:
        self.seen = settled.through
        self.round: list[Lane] = []
        self.behind = {key: LaggingKey(key, mark) for key, mark in settled.behind.items()}

    def lagging(self) -> list[LaggingKey]:
        """The keys that have not caught up with the rounds."""
        return [lagging for lagging in self.behind.values() if lagging.mark < self.seen]

    def rejoin(self) -> None:
        """Let keys that have caught up take part in the next round. Call it right before pulling."""
        if self.behind:
            self.behind = {lagging.key: lagging for lagging in self.lagging()}

    def leave_round(self, lane: Lane) -> LaggingKey:
        """Make the key of a lane lag. Its messages are dropped and pulled again later."""
        lagging = LaggingKey(lane.key, lane.mark)
        lane.waiting.clear()
        self.behind[lane.key] = lagging
        return lagging

    def settled(self) -> Settled:
        """The events to acknowledge now."""
        waiting = {lane.key: lane.mark for lane in self.round if lane.waiting and lane.mark < self.seen}
        return Settled(self.seen, {lagging.key: lagging.mark for lagging in self.lagging()} | waiting)

    def waiting_since_ns(self) -> int:
        """The commit time of the oldest event that was pulled and is not settled, in nanoseconds since 1970.

        0 if there is none.
        """
        times = [lagging.oldest_ns for lagging in self.lagging() if lagging.oldest_ns]
        times += [lane.waiting[0].time_ns for lane in self.round if lane.waiting]
        return min(times, default=0)

    def oldest(self) -> tuple[int, int]:
        """The id up to which all events are settled, and the commit time of the oldest refused event.

        The time is in nanoseconds since 1970, 0 if no event is refused.
        """
        settled = self.settled()
        times = [lagging.oldest_ns for lagging in self.lagging() if lagging.oldest_ns]
        return min([settled.through, *settled.behind.values()]), min(times, default=0)
