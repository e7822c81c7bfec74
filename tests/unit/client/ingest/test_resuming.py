"""Whatever step an ingest is cut off at, the next run completes it, and nothing is there twice."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client.api import Busy, ServerFault, Unreachable
from client.essence.errors import EssenceError
from client.export import export
from client.ingest import Patience, ingest
from tests.support.memory_store import MemoryStore
from tests.support.round_trip import assert_same_media

NS = 10**9
QUICK = Patience(total=5.0, first=0.001, longest=0.001)
PASSING = [Busy(503, "", "busy"), ServerFault(500, "", "broken"), Unreachable("gone", sent=True)]


class Killed(Exception):
    """The process ended here."""


class Trouble:
    """Raises an error at one step of a run, and counts the steps."""

    def __init__(self, at: int, error: Exception) -> None:
        self.steps = 0
        self._at = at
        self._error = error

    def __call__(self, _step: str) -> None:
        self.steps += 1
        if self.steps == self._at:
            raise self._error


async def reference(path):
    """What an undisturbed run stores, and how many steps it takes."""
    counter = Trouble(-1, Killed())
    store = MemoryStore(counter)
    await ingest(store, path, segment_duration=NS)
    return stored(store), counter.steps


def stored(store: MemoryStore):
    """All flows with their segments and media, without the objects' names."""
    return {
        flow_id: (
            document,
            sorted(
                (
                    str(s.timerange),
                    str(s.ts_offset),
                    s.sample_offset,
                    s.sample_count,
                    store.bytes[s.object_id],
                )
                for s in store.registered.get(flow_id, [])
            ),
        )
        for flow_id, document in store.documents.items()
    }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kills=st.lists(st.integers(1, 60), min_size=1, max_size=3))
async def test_a_run_after_kills_completes_the_ingest(clip, kills):
    wanted, _ = await reference(clip("25"))
    store = MemoryStore()
    for at in kills:
        store.trouble = Trouble(at, Killed())
        try:
            await ingest(store, clip("25"), segment_duration=NS)
        except Killed:
            continue
    store.trouble = lambda _step: None
    await ingest(store, clip("25"), segment_duration=NS)
    assert stored(store) == wanted


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
async def test_a_store_that_is_away_for_a_moment_is_waited_for(clip, error):
    wanted, steps = await reference(clip("25"))
    # The first steps only ask for and make the flows: there the client's own retries must do.
    for at in range(12, steps + 1):
        store = MemoryStore(Trouble(at, error))
        await ingest(store, clip("25"), segment_duration=NS, patience=QUICK)
        assert stored(store) == wanted


async def test_a_store_that_stays_away_is_given_up(clip):
    def gone(step):
        if "create_segments" in step:
            raise Unreachable("gone", sent=False)

    with pytest.raises(Unreachable):
        await ingest(MemoryStore(gone), clip("25"), patience=Patience(total=0.05, first=0.001, longest=0.01))


async def test_a_store_that_does_not_answer_at_first_is_not_waited_for(clip):
    steps = []

    def gone(step):
        steps.append(step)
        raise Unreachable("gone", sent=False)

    with pytest.raises(Unreachable):
        await ingest(MemoryStore(gone), clip("25"))
    assert steps == ["flow"]


async def test_a_second_run_stores_nothing_anew(clip):
    store = MemoryStore()
    first = await ingest(store, clip("25"), segment_duration=NS)
    objects = dict(store.bytes)
    second = await ingest(store, clip("25"), segment_duration=NS)
    assert [flow.flow_id for flow in second.flows] == [flow.flow_id for flow in first.flows]
    assert [flow.added for flow in first.flows] == [6, 6]
    assert [flow.added for flow in second.flows] == [0, 0]
    assert store.bytes == objects


async def test_what_others_changed_in_a_flow_stays(clip):
    store = MemoryStore()
    first = await ingest(store, clip("25"))
    store.documents[first.flow_id]["description"] = "by hand"
    await ingest(store, clip("25"))
    assert store.documents[first.flow_id]["description"] == "by hand"


async def test_a_resumed_ingest_exports_like_its_source(clip, tmp_path):
    store = MemoryStore(Trouble(25, Killed()))
    with pytest.raises(Killed):
        await ingest(store, clip("29.97"), segment_duration=NS)
    ingested = await ingest(store, clip("29.97"), segment_duration=NS)
    await export(store, ingested.flow_id, tmp_path / "out.mp4")
    assert_same_media(clip("29.97"), tmp_path / "out.mp4")


async def test_another_segment_duration_does_not_mix_with_what_is_there(clip):
    store = MemoryStore()
    await ingest(store, clip("25"), segment_duration=2 * NS)
    before = stored(store)
    with pytest.raises(EssenceError, match="cut differently"):
        await ingest(store, clip("25"), segment_duration=3 * NS)
    assert stored(store) == before


async def test_permission_to_upload_that_expired_is_asked_for_again(clip):
    store = MemoryStore()

    def expire(step):
        if step == "after allocate_storage" and len(store.allocated) == 4:
            store.expired.update(store.allocated)

    store.trouble = expire
    wanted, _ = await reference(clip("25"))
    await ingest(store, clip("25"), segment_duration=NS)
    assert stored(store) == wanted


async def test_segments_another_run_brought_meanwhile_are_no_fault(clip):
    other, store = MemoryStore(), MemoryStore()
    await ingest(other, clip("25"), segment_duration=NS)

    def overtaken(step):
        if step == "before create_segments" and not store.registered:
            store.registered = {flow: list(segments) for flow, segments in other.registered.items()}
            store.bytes.update(other.bytes)

    store.trouble = overtaken
    await ingest(store, clip("25"), segment_duration=NS)
    ranges = {flow: sorted(str(s.timerange) for s in found) for flow, found in store.registered.items()}
    assert ranges == {
        flow: sorted(str(s.timerange) for s in found) for flow, found in other.registered.items()
    }


async def test_a_refused_segment_is_an_error_with_the_stores_reason(clip):
    store = MemoryStore()

    def forget(step):
        if step == "before create_segments":
            store.allocated.clear()

    store.trouble = forget
    with pytest.raises(EssenceError, match="unknown object"):
        await ingest(store, clip("25"), segment_duration=NS)
