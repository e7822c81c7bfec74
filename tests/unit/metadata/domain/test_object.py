import pytest

from services.metadata.domain.object import MediaObject, State, usable
from services.shared.errors import InvalidArgument


def refusal(known: MediaObject | None, *, has_urls: bool = False) -> str:
    with pytest.raises(InvalidArgument) as caught:
        usable(known, "o", "mine", has_urls=has_urls)
    assert caught.value.metadata["path"] == "$.object_id"
    return caught.value.reason


def test_an_unknown_object_needs_a_url() -> None:
    assert refusal(None) == "UNKNOWN_OBJECT"
    outside = usable(None, "o", "mine", has_urls=True)
    assert outside == MediaObject("o", None, None, State.REGISTERED, first_referenced_by_flow="mine")
    assert outside.is_registered


def test_an_allocated_object_belongs_to_its_flow_until_used_there() -> None:
    for urls in (False, True):
        assert (
            refusal(MediaObject("o", "s", "p", State.ALLOCATED, "other"), has_urls=urls) == "FOREIGN_OBJECT"
        )
    allocated = MediaObject("o", "s", "p", State.ALLOCATED, "mine")
    assert usable(allocated, "o", "mine", has_urls=False) is allocated
    assert not allocated.is_registered


@pytest.mark.parametrize("state", [State.REGISTERED, State.UNREFERENCED])
def test_a_used_object_may_be_used_by_any_flow(state: State) -> None:
    known = MediaObject("o", "s", "p", state, "other", "other", 5)
    assert usable(known, "o", "mine", has_urls=False) is known
    assert known.is_registered == (state is State.REGISTERED)
