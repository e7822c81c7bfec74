from hypothesis import given
from hypothesis import strategies as st
from tams.type.v1 import timerange_pb2

from services.shared.rpc.timeranges import from_message, to_message
from services.shared.timerange import ETERNITY, TimeRange

bounds = st.none() | st.integers(-(2**63), 2**63 - 1)


@given(st.builds(TimeRange, bounds, bounds, st.booleans()))
def test_a_range_survives_its_message(timerange: TimeRange) -> None:
    sent = to_message(timerange).SerializeToString()
    assert from_message(timerange_pb2.TimeRange.FromString(sent)) == timerange


def test_a_missing_bound_is_not_zero() -> None:
    assert from_message(timerange_pb2.TimeRange()) == ETERNITY
    assert from_message(timerange_pb2.TimeRange(start_ns=0)) == TimeRange(0, None)
    assert to_message(TimeRange(0, None)).HasField("start_ns")
    assert not to_message(TimeRange(0, None)).HasField("end_ns")
