"""Compares received with expected events: a subscriber gets all of them, in order, and no others."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from tests.campaign.events.changes import DERIVED, Change
from tests.campaign.report import Report
from tests.support.models.written_ranges import read

_ADDED, _DELETED = "flows/segments_added", "flows/segments_deleted"
# The queues of a key are compared separately, as a slice of a deletion may come between registrations.
_QUEUES: Final = {_ADDED: "added", _DELETED: "deleted"}


class Event(NamedTuple):
    """A received event."""

    id: int
    type: str
    body: Mapping[str, Any]


class Ledger:
    """Expected and received events by flow or source."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._expected: dict[tuple[str, str], deque[Change]] = defaultdict(deque)
        self._received: dict[tuple[str, str], list[Event]] = defaultdict(list)
        self._last: dict[tuple[str, str], Change] = {}
        self._ids: dict[str, int] = {}
        self._seen: set[int] = set()
        # Flows and sources that are not compared any more, since they have a finding or an unknown state.
        self._ignored: set[str] = set()
        self._watchers: dict[str, Callable[[Event], object]] = {}

    def watch(self, key: str, watcher: Callable[[Event], object]) -> None:
        """Pass the events of a flow that several workers change to a watcher instead."""
        self._watchers[key] = watcher

    def expect(self, changes: Iterable[Change]) -> None:
        """Expect events, in this order for each key."""
        for change in changes:
            self._expected[change.key, _queue(change.type)].append(change)

    def ignore(self, keys: Iterable[str]) -> None:
        """Stop comparing flows or sources whose state is unknown."""
        self._ignored.update(keys)

    def receive(self, event_id: int, body: Mapping[str, Any]) -> None:
        """Note an event, and check its order."""
        event = Event(event_id, body["event_type"], body["event"])
        key = _key(event)
        if event_id in self._seen:
            self._report.figures["events delivered again"] += 1
            return
        self._seen.add(event_id)
        late = int((datetime.now(UTC) - datetime.fromisoformat(body["event_timestamp"])).total_seconds())
        figures = self._report.figures
        figures["most seconds until an event was received"] = max(
            late, figures["most seconds until an event was received"]
        )
        if event_id < self._ids.get(key, 0) and key not in self._ignored:
            self._report.find(
                "events", f"{event.type} of {key}: {event_id} was received after {self._ids[key]}"
            )
        self._ids[key] = max(event_id, self._ids.get(key, 0))
        if key in self._watchers:
            self._watchers[key](event)
        else:
            self._received[key, _queue(event.type)].append(event)

    def match(self) -> list[str]:
        """Compare the events since the last call, and return the missing ones as text."""
        for place, events in self._received.items():
            for event in events:
                self._take(place, event)
        self._received.clear()
        missing = [
            f"{change.type} of {change.key} {change.document or change.segments[:3]}"
            for (key, _), queue in self._expected.items()
            if key not in self._ignored
            for change in queue
        ]
        self._expected = defaultdict(
            deque, {place: queue for place, queue in self._expected.items() if queue}
        )
        return missing

    def drop_expected(self) -> None:
        """Forget missing events, and stop comparing their flows and sources."""
        self._ignored.update(key for key, _ in self._expected)
        self._expected.clear()

    def _take(self, place: tuple[str, str], event: Event) -> None:
        queue = self._expected[place]
        if place[0] in self._ignored:
            return
        self._report.figures["events compared"] += 1
        if queue and _reports(event, queue[0]):
            if not queue[0].segments:
                self._last[place] = queue.popleft()
        elif place in self._last and _reports(event, self._last[place]):
            # The services tried the change twice, or a change of unknown outcome had no effect.
            self._report.figures["changes reported twice"] += 1
        else:
            expected = f"{queue[0].type} {queue[0].document or queue[0].segments[:3]}" if queue else "nothing"
            self._report.find(
                "events",
                f"{event.type} {event.id} {str(event.body)[:500]} was received; expected: {expected}",
            )
            self._ignored.add(place[0])


def _reports(event: Event, change: Change) -> bool:
    """Whether an event reports a change. Its segments are then removed from the change."""
    if event.type != change.type:
        return False
    if event.type == _ADDED:
        return _reports_added(event, change)
    if event.type == _DELETED:
        return _reports_deleted(event, change)
    if change.document is None:
        return True
    document = event.body.get("flow") or event.body.get("source") or {}
    return _written(document) == _written(change.document)


def _reports_added(event: Event, change: Change) -> bool:
    added = [(segment["timerange"], segment["object_id"]) for segment in event.body["segments"]]
    if not all(segment in change.segments for segment in added):
        return False
    change.segments = [segment for segment in change.segments if segment not in added]
    return True


def _reports_deleted(event: Event, change: Change) -> bool:
    """Whether an event reports a slice, which reaches from the first remaining segment to any other."""
    start, end = _ends(event.body["timerange"])
    if not change.segments or _ends(change.segments[0][0])[0] != start:
        return False
    for place, (range_text, _) in enumerate(change.segments):
        if _ends(range_text)[1] == end:
            change.segments = change.segments[place + 1 :]
            return True
    return False


def _ends(text: str) -> tuple[object, object]:
    meaning = read(text).meaning
    return meaning.start, meaning.end


def _written(document: Mapping[str, Any]) -> dict[str, Any]:
    written = {name: value for name, value in document.items() if name not in DERIVED}
    return {name: value for name, value in written.items() if not (name == "tags" and value == {})}


def _key(event: Event) -> str:
    body = event.body
    found = body.get("flow_id") or body.get("source_id") or (body.get("flow") or body.get("source") or {})
    return found if isinstance(found, str) else str(found["id"])


def _queue(kind: str) -> str:
    return _QUEUES.get(kind, "documents")
