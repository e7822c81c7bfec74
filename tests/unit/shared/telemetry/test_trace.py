import pytest

from services.shared.telemetry.trace import Sampler, is_trace_id
from tests.support.telemetry.spans import KeptSpans

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = f"00-{TRACE}-{PARENT}"


@pytest.mark.parametrize(("flags", "sampled"), [("01", True), ("00", False), ("03", True), ("02", False)])
def test_a_trace_that_began_elsewhere_goes_on(flags: str, sampled: bool) -> None:
    trace = Sampler(KeptSpans()).begin(f"{HEADER}-{flags}")
    assert (trace.trace_id, trace.parent_id, trace.sampled) == (TRACE, PARENT, sampled)
    assert trace.span_id != PARENT


def test_a_later_version_may_have_further_fields() -> None:
    assert Sampler(KeptSpans()).begin(f"01-{TRACE}-{PARENT}-01-more").trace_id == TRACE


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"{HEADER}",
        f"{HEADER}-1",
        f"{HEADER}-01\n",
    ],
)
def test_an_absent_or_malformed_header_begins_a_trace(header: str | None) -> None:
    trace = Sampler(KeptSpans()).begin(header)
    assert is_trace_id(trace.trace_id)
    assert (trace.trace_id == TRACE, trace.parent_id) == (False, "")


def test_a_trace_can_begin_with_a_given_id() -> None:
    assert Sampler().begin(None, TRACE).trace_id == TRACE


@pytest.mark.parametrize(("ratio", "least", "most"), [(0.0, 0, 0), (1.0, 1000, 1000), (0.3, 200, 400)])
def test_a_part_of_the_traces_is_recorded(ratio: float, least: int, most: int) -> None:
    sampler = Sampler(KeptSpans(), ratio)
    assert least <= sum(sampler.begin(None).sampled for _ in range(1000)) <= most


def test_all_processes_decide_alike_about_a_trace_id() -> None:
    ids = [Sampler().begin(None).trace_id for _ in range(200)]
    first, second = ([Sampler(KeptSpans(), 0.5).begin(None, id_).sampled for id_ in ids] for _ in range(2))
    assert first == second


def test_without_a_recorder_no_trace_is_recorded_and_its_id_passes_on() -> None:
    trace = Sampler(ratio=1.0).begin(f"{HEADER}-01")
    assert not trace.sampled
    assert trace.header() == f"00-{TRACE}-{trace.span_id}-00"


def test_a_part_of_an_operation_has_it_as_parent() -> None:
    whole = Sampler(KeptSpans()).begin(f"{HEADER}-01")
    part = whole.child()
    assert (part.trace_id, part.parent_id, part.sampled) == (TRACE, whole.span_id, True)
    assert Sampler(KeptSpans()).begin(part.header()).parent_id == part.span_id


def test_ids_differ() -> None:
    traces = [Sampler().begin(None) for _ in range(1000)]
    assert len({trace.trace_id for trace in traces}) == len({trace.span_id for trace in traces}) == 1000
