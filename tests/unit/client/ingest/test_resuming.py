"""Ingests that are interrupted at any step, completed by the next run without duplicates."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client.api import ApiError, Busy, ServerFault, Unreachable
from client.essence.errors import EssenceError
from client.export import export
from client.ingest import RetryPolicy, ingest
from tests.support.client.memory_store import MemoryStore
from tests.support.client.round_trip import assert_same_media

NS = 10**9
QUICK = RetryPolicy(total_seconds=5.0, first_pause=0.001, longest_pause=0.001)
TEMPORARY = [Busy(503, "", "busy"), ServerFault(500, "", "broken"), Unreachable("gone", sent=True)]


class Killed(Exception):
    """The process was killed at this step."""


class Trouble:
    """Raises an error at one step of a run, and counts the steps."""

    def __init__(self, number: int, error: Exception) -> None:
        self.steps = 0
        self._number = number
        self._error = error

    def __call__(self, _step: str) -> None:
        self.steps += 1
        if self.steps == self._number:
            raise self._error


# All flows with their segments and media, without the objects' names.
Stored = dict[str, tuple[dict[str, Any], list[tuple[str, str, int | None, int | None, bytes]]]]


async def undisturbed_run(path: Path) -> tuple[Stored, int]:
    """The content of the store after an undisturbed run, and the number of its steps."""
    counter = Trouble(-1, Killed())
    store = MemoryStore(counter)
    await ingest(store, path, segment_duration=NS)
    return content_of(store), counter.steps


def content_of(store: MemoryStore) -> Stored:
    """All flows with their segments and media, without the objects' names."""
    return {
        flow_id: (
            document,
            sorted(
                (
                    str(segment.timerange),
                    str(segment.ts_offset),
                    segment.sample_offset,
                    segment.sample_count,
                    store.bytes[segment.object_id],
                )
                for segment in store.registered.get(flow_id, [])
            ),
        )
        for flow_id, document in store.documents.items()
    }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kills=st.lists(st.integers(1, 60), min_size=1, max_size=3))
async def test_an_ingest_is_completed_by_a_run_after_kills(
    clip: Callable[[str], Path], kills: list[int]
) -> None:
    expected, _ = await undisturbed_run(clip("25"))
    store = MemoryStore()
    for number in kills:
        store.trouble = Trouble(number, Killed())
        try:
            await ingest(store, clip("25"), segment_duration=NS)
        except Killed:
            continue
    store.trouble = lambda _step: None
    await ingest(store, clip("25"), segment_duration=NS)
    assert content_of(store) == expected


@pytest.mark.parametrize("error", TEMPORARY, ids=lambda error: type(error).__name__)
async def test_an_ingest_continues_after_a_temporary_error(
    clip: Callable[[str], Path], error: ApiError
) -> None:
    expected, steps = await undisturbed_run(clip("25"))
    # The first steps request and create the flows, where only the client itself repeats requests.
    for number in range(12, steps + 1):
        store = MemoryStore(Trouble(number, error))
        await ingest(store, clip("25"), segment_duration=NS, retries=QUICK)
        assert content_of(store) == expected


async def test_an_ingest_fails_if_the_store_stays_unreachable(clip: Callable[[str], Path]) -> None:
    def fail(step: str) -> None:
        if "create_segments" in step:
            raise Unreachable("gone", sent=False)

    with pytest.raises(Unreachable):
        await ingest(
            MemoryStore(fail),
            clip("25"),
            retries=RetryPolicy(total_seconds=0.05, first_pause=0.001, longest_pause=0.01),
        )


async def test_an_ingest_fails_at_once_if_the_store_is_unreachable_at_first(
    clip: Callable[[str], Path],
) -> None:
    steps = []

    def fail(step: str) -> None:
        steps.append(step)
        raise Unreachable("gone", sent=False)

    with pytest.raises(Unreachable):
        await ingest(MemoryStore(fail), clip("25"))
    assert steps == ["flow"]


async def test_a_second_run_stores_no_objects(clip: Callable[[str], Path]) -> None:
    store = MemoryStore()
    first = await ingest(store, clip("25"), segment_duration=NS)
    objects = dict(store.bytes)
    second = await ingest(store, clip("25"), segment_duration=NS)
    assert [flow.flow_id for flow in second.flows] == [flow.flow_id for flow in first.flows]
    assert [flow.added for flow in first.flows] == [6, 6]
    assert [flow.added for flow in second.flows] == [0, 0]
    assert store.bytes == objects


async def test_changes_of_others_to_a_flow_are_kept(clip: Callable[[str], Path]) -> None:
    store = MemoryStore()
    first = await ingest(store, clip("25"))
    store.documents[first.flow_id]["description"] = "by hand"
    await ingest(store, clip("25"))
    assert store.documents[first.flow_id]["description"] == "by hand"


async def test_a_resumed_ingest_exports_like_its_source(clip: Callable[[str], Path], tmp_path: Path) -> None:
    store = MemoryStore(Trouble(25, Killed()))
    with pytest.raises(Killed):
        await ingest(store, clip("29.97"), segment_duration=NS)
    ingested = await ingest(store, clip("29.97"), segment_duration=NS)
    await export(store, ingested.flow_id, tmp_path / "out.mp4")
    assert_same_media(clip("29.97"), tmp_path / "out.mp4")


async def test_a_second_run_with_another_segment_duration_is_refused(clip: Callable[[str], Path]) -> None:
    store = MemoryStore()
    await ingest(store, clip("25"), segment_duration=2 * NS)
    before = content_of(store)
    with pytest.raises(EssenceError, match="cut differently"):
        await ingest(store, clip("25"), segment_duration=3 * NS)
    assert content_of(store) == before


async def test_objects_whose_put_url_expired_are_allocated_again(clip: Callable[[str], Path]) -> None:
    store = MemoryStore()

    def expire(step: str) -> None:
        if step == "after allocate_storage" and len(store.allocated) == 4:
            store.expired.update(store.allocated)

    store.trouble = expire
    expected, _ = await undisturbed_run(clip("25"))
    await ingest(store, clip("25"), segment_duration=NS)
    assert content_of(store) == expected


async def test_segments_that_another_run_registered_are_accepted(clip: Callable[[str], Path]) -> None:
    other, store = MemoryStore(), MemoryStore()
    await ingest(other, clip("25"), segment_duration=NS)

    def register_other_segments(step: str) -> None:
        if step == "before create_segments" and not store.registered:
            store.registered = {flow: list(segments) for flow, segments in other.registered.items()}
            store.bytes.update(other.bytes)

    store.trouble = register_other_segments
    await ingest(store, clip("25"), segment_duration=NS)
    ranges = {
        flow: sorted(str(segment.timerange) for segment in segments)
        for flow, segments in store.registered.items()
    }
    assert ranges == {
        flow: sorted(str(segment.timerange) for segment in segments)
        for flow, segments in other.registered.items()
    }


async def test_a_refused_segment_is_an_error_with_the_reason_of_the_store(
    clip: Callable[[str], Path],
) -> None:
    store = MemoryStore()

    def forget_allocations(step: str) -> None:
        if step == "before create_segments":
            store.allocated.clear()

    store.trouble = forget_allocations
    with pytest.raises(EssenceError, match="unknown object"):
        await ingest(store, clip("25"), segment_duration=NS)
