import pytest

from services.media.application import recent_objects
from services.media.application.recent_objects import MAX_OBJECTS, SECONDS, RecentObjects
from services.media.domain.object import ObjectLocation


def location(name: str) -> ObjectLocation:
    return ObjectLocation(name, "s", f"at/{name}")


def test_an_object_has_an_expected_location_until_it_is_stored() -> None:
    recent = RecentObjects()
    recent.add_allocated([location("a")])
    assert (recent.expected_location("a"), recent.is_stored("a")) == (location("a"), False)
    recent.mark_stored("a")
    assert (recent.expected_location("a"), recent.is_stored("a")) == (None, True)
    assert (recent.expected_location("b"), recent.is_stored("b")) == (None, False)


def test_an_object_that_is_allocated_again_is_not_stored() -> None:
    recent = RecentObjects()
    recent.mark_stored("a")
    recent.add_allocated([location("a")])
    assert not recent.is_stored("a")


def test_recent_objects_expire() -> None:
    now = 0.0
    recent = RecentObjects(lambda: now)
    recent.add_allocated([location("a")])
    recent.mark_stored("b")
    now = SECONDS
    assert recent.expected_location("a") is None
    assert not recent.is_stored("b")


def test_the_number_of_recent_objects_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_OBJECTS < 10**5
    monkeypatch.setattr(recent_objects, "MAX_OBJECTS", 2)
    recent = RecentObjects()
    for name in "abc":
        recent.mark_stored(name)
    assert [recent.is_stored(name) for name in "abc"] == [False, True, True]
