import pytest

from services.shared.telemetry.spans import CLIENT, span
from services.shared.telemetry.trace import Sampler, current
from tests.support.telemetry.spans import KeptSpans


@pytest.fixture
def kept() -> KeptSpans:
    return KeptSpans()


def within(kept: KeptSpans, ratio: float) -> None:
    current.set(Sampler(kept, ratio).begin(None))


def test_parts_of_a_recorded_operation_are_recorded(kept: KeptSpans) -> None:
    within(kept, 1.0)
    whole = current.get()
    assert whole is not None
    with span("outer", CLIENT, table="flows") as outer:
        outer.attributes["rows"] = 3
        with span("inner"):
            pass
    assert current.get() is whole
    assert [found.name for found in kept.spans] == ["inner", "outer"]
    assert kept.named("outer").attributes == {"table": "flows", "rows": 3}
    assert kept.named("outer").trace.parent_id == whole.span_id
    assert kept.named("inner").trace.parent_id == kept.named("outer").trace.span_id


def test_a_part_that_raises_has_failed(kept: KeptSpans) -> None:
    within(kept, 1.0)
    with pytest.raises(ValueError, match="bad"), span("part"):
        raise ValueError("bad")
    assert (kept.named("part").failed, kept.named("part").attributes) == (True, {"error.type": "ValueError"})


def test_parts_of_other_operations_are_not_recorded(kept: KeptSpans) -> None:
    within(kept, 0.0)
    with span("part"):
        pass
    current.set(None)
    with span("part"):
        pass
    assert kept.spans == []
