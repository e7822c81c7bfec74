"""Reads and writes on one store while faults happen, and checks of their outcomes."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable
from typing import Any, TypeVar

from services.metadata.adapters.vast.administration.administration import VastAdministration
from services.metadata.adapters.vast.examination.examination import VastExamination
from services.metadata.adapters.vast.store import VastStore
from services.metadata.application.administration.consistency import Consistency, Scope
from services.shared.errors import Unavailable
from services.shared.timerange import TimeRange
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.vast.fault_cells import DEADLINE_SECONDS

T = TypeVar("T")
_SECOND = 10**9
# The numbers of flows: with the segments, with the labels, and the first that is created and deleted.
_SEGMENTS, _LABELS, _PASSING = 1, 2, 3


class Failed(Exception):
    """A request that was answered 503 or not in time: its change may have been made or not."""


class FaultWorld:
    """A store and its known state. Only one round of requests runs at a time."""

    def __init__(self, store: VastStore) -> None:
        self._store = store
        self._metadata = Metadata(store)
        self._number = 0
        # By start in seconds: segments that exist, and segments that may exist.
        self._live: set[int] = set()
        self._unsure: set[int] = set()
        self._labels = {""}
        self._flow = _PASSING
        self._flow_exists: bool | None = False
        self.failures: list[tuple[float, str]] = []
        self.wrong: list[str] = []
        self.outcomes: Counter[str] = Counter()

    async def begin(self) -> None:
        """Create the flows that the rounds use."""
        await self._metadata.put(a_flow(_SEGMENTS))
        await self._metadata.put(a_flow(_LABELS, label=""))

    async def round(self) -> None:
        """Run a few reads and writes concurrently."""
        self._number += 1
        number = self._number
        removed = min(self._live) if len(self._live) > 3 else None
        latest = max(self._live, default=None)
        requests = [
            self._register(number),
            self._label(number),
            self._create_or_delete_flow(),
            self._read(removed),
        ]
        requests += [self._unregister(removed)] if removed is not None else []
        requests += [self._overlap(latest)] if latest not in (None, removed) else []
        await asyncio.gather(*requests)

    async def write(self) -> bool:
        """Whether one write was acknowledged."""
        self._number += 1
        failed = len(self.failures)
        await self._register(self._number)
        return len(self.failures) == failed

    async def settle(self) -> None:
        """Read the outcome of uncertain writes, and compare the whole state."""
        found = await self._ask("settle", self._starts())
        flow = await self._ask("settle", self._metadata.flow(_LABELS))
        flows = await self._ask("settle", self._metadata.all_flows())
        if found is None or flow is None or flows is None:
            return
        self._compare(found, self._live, self._live | self._unsure)
        self._live, self._unsure = set(found), set()
        self._expect(flow["label"] in self._labels, f"{flow['label']!r}, one of {self._labels} expected")
        self._labels = {flow["label"]}
        exists = flow_id(self._flow) in {document["id"] for document in flows}
        self._expect(self._flow_exists in (None, exists), f"the flow exists: {exists}")
        self._flow_exists = exists

    async def compare_tables(self) -> None:
        """Check that the tables agree with one another."""
        report = await Consistency(
            self._store, VastAdministration(self._store), VastExamination(self._store)
        ).check(Scope(1000, 100_000))
        self._expect(not report.found and report.complete, f"contradictions: {report.found}")

    async def _register(self, number: int) -> None:
        self._unsure.add(number)
        failed = await self._ask("register", self._metadata.register(_SEGMENTS, _segment(number)))
        if failed is None:
            return
        self._unsure.discard(number)
        self._expect(not failed, f"a free range was refused: {failed}")
        self._live.add(number)

    async def _overlap(self, number: int) -> None:
        failed = await self._ask("overlap", self._metadata.register(_SEGMENTS, _segment(number, "taken")))
        reasons = [failure.error.reason for failure in failed or ()]
        self._expect(failed is None or reasons == ["SEGMENT_OVERLAP"], f"taken range: {reasons}")

    async def _unregister(self, number: int) -> None:
        self._live.discard(number)
        self._unsure.add(number)
        within = TimeRange(number * _SECOND, (number + 1) * _SECOND, False)
        removed = await self._ask("unregister", self._metadata.unregister(_SEGMENTS, within))
        if removed is not None:
            self._expect(removed.segments == 1, f"removed {removed.segments} in place of 1")
            self._unsure.discard(number)

    async def _label(self, number: int) -> None:
        self._labels.add(label := f"label {number}")
        if await self._ask("label", self._metadata.put(a_flow(_LABELS, label=label))) is None:
            return
        self._labels = {label}
        read = await self._ask("get", self._metadata.flow(_LABELS))
        self._expect(read is None or read["label"] == label, f"{read} after {label}")

    async def _create_or_delete_flow(self) -> None:
        """Delete the passing flow if it exists, and create it otherwise."""
        if self._flow_exists is None:
            self._flow, self._flow_exists = self._flow + 1, False
        if self._flow_exists:
            deleted = await self._ask("delete", self._deleted(flow_id(self._flow)))
            self._flow_exists = None if deleted is None else False
        else:
            put = await self._ask("put", self._metadata.put(a_flow(self._flow)))
            self._flow_exists = None if put is None else True

    async def _deleted(self, name: str) -> bool:
        await self._metadata.flows.delete(name)
        return True

    async def _read(self, changing: int | None) -> None:
        expected, allowed = set(self._live), self._live | self._unsure | {self._number}
        found = await self._ask("list", self._starts())
        if found is not None:
            unsure = {changing} if changing is not None else set()
            self._compare(found, expected - unsure, allowed | unsure)

    async def _starts(self) -> list[int]:
        listed = await self._metadata.all_segments(_SEGMENTS)
        objects = [json.loads(segment.document)["object_id"] for segment in listed]
        wrong = [name for name in objects if not name.startswith("o")]
        self._expect(not wrong, f"objects that were refused: {wrong}")
        return [segment.start_ns // _SECOND for segment in listed]

    def _compare(self, found: list[int], required: set[int], allowed: set[int]) -> None:
        self._expect(found == sorted(set(found)), f"out of order or duplicate: {found}")
        self._expect(required <= set(found), f"lost: {required - set(found)}")
        self._expect(set(found) <= allowed, f"deleted or refused, and still listed: {set(found) - allowed}")

    def _expect(self, holds: bool, finding: str) -> None:
        if not holds:
            self.wrong.append(finding)

    async def _ask(self, operation: str, request: Awaitable[T]) -> T | None:
        """The answer, or None for a failure. An error that no client can expect is recorded as wrong."""
        started = time.monotonic()
        try:
            answer = await asyncio.wait_for(request, DEADLINE_SECONDS)
        except (Unavailable, TimeoutError) as error:
            self.failures.append((started, f"{operation}: {error!r}"))
            self.outcomes[f"{operation} failed"] += 1
            return None
        except Exception as error:  # noqa: BLE001 - any other error is a finding
            self.wrong.append(f"{operation}: {error!r}")
            return None
        self.outcomes[operation] += 1
        return answer


def _segment(number: int, name: str = "o") -> Any:
    return a_segment(number * _SECOND, (number + 1) * _SECOND, f"{name}{number}")
