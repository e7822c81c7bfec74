import pytest

from services.metadata.domain.ids import ObjectId
from services.metadata.domain.objects.object import MediaObject, State, check_uploaded, referenced_object
from services.shared.errors import FailedPrecondition, InvalidArgument
from tests.support.metadata.flows import flow_id
from tests.support.metadata.rules import STORAGE

OBJECT = ObjectId("o")
MINE, OTHER = flow_id(1), flow_id(2)


def refusal(known: MediaObject | None, *, has_urls: bool = False) -> str:
    with pytest.raises(InvalidArgument) as caught:
        referenced_object(known, OBJECT, MINE, has_urls=has_urls)
    assert caught.value.metadata["path"] == "$.object_id"
    return caught.value.reason


def test_an_unknown_object_needs_a_url() -> None:
    assert refusal(None) == "UNKNOWN_OBJECT"
    external = referenced_object(None, OBJECT, MINE, has_urls=True)
    assert external == MediaObject(OBJECT, None, None, State.REGISTERED, first_referenced_by_flow=MINE)
    assert external.is_registered


def test_an_allocated_object_can_only_be_used_by_its_flow() -> None:
    for urls in (False, True):
        foreign = MediaObject(OBJECT, STORAGE, "p", State.ALLOCATED, OTHER)
        assert refusal(foreign, has_urls=urls) == "FOREIGN_OBJECT"
    allocated = MediaObject(OBJECT, STORAGE, "p", State.ALLOCATED, MINE)
    assert referenced_object(allocated, OBJECT, MINE, has_urls=False) is allocated
    assert not allocated.is_registered


@pytest.mark.parametrize("state", [State.REGISTERED, State.UNREFERENCED])
def test_an_object_can_be_used_by_any_flow_after_its_own(state: State) -> None:
    known = MediaObject(OBJECT, STORAGE, "p", state, OTHER, OTHER, 5)
    assert referenced_object(known, OBJECT, MINE, has_urls=False) is known
    assert known.is_registered == (state is State.REGISTERED)


def test_an_object_of_this_store_must_be_uploaded() -> None:
    allocated = MediaObject(OBJECT, STORAGE, "p", State.ALLOCATED, MINE)
    with pytest.raises(FailedPrecondition) as caught:
        check_uploaded(allocated, {"o"})
    assert (caught.value.reason, caught.value.metadata["path"]) == ("OBJECT_NOT_STORED", "$.object_id")
    check_uploaded(allocated, {"other"})
    check_uploaded(MediaObject(OBJECT, None, None, State.REGISTERED), {"o"})
