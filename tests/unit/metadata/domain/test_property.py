import pytest

from services.metadata.domain.property import (
    FLOW_PROPERTIES,
    SOURCE_PROPERTIES,
    PropertyChange,
    apply_changes,
)
from services.shared.errors import InvalidArgument, NotFound


def member(name: str, value: bytes | None = None) -> PropertyChange:
    return PropertyChange(name, None, value)


def tag(name: str, value: bytes | None = None) -> PropertyChange:
    return PropertyChange(None, name, value)


def test_changes_are_applied_in_order() -> None:
    changes = [member("tags", b'{"a":"1","b":"2"}'), tag("a"), tag("", b'"3"'), member("label", b'"x"')]
    assert apply_changes({"tags": {"old": "0"}}, changes, SOURCE_PROPERTIES) == {
        "tags": {"b": "2", "": "3"},
        "label": "x",
    }


def test_all_tags_are_unset_at_once() -> None:
    assert apply_changes({"tags": {"a": "1"}, "label": "x"}, [member("tags")], FLOW_PROPERTIES) == {
        "label": "x"
    }


@pytest.mark.parametrize(
    "change",
    [
        member("tags", b'{"a":1}'),
        member("tags", b"[]"),
        member("read_only", b"true"),
        member("id", b'"x"'),
        tag("a", b"1"),
        PropertyChange(None, None, b'"x"'),
    ],
)
def test_a_malformed_change_is_refused(change: PropertyChange) -> None:
    with pytest.raises(InvalidArgument, match=r".") as caught:
        apply_changes({}, [change], SOURCE_PROPERTIES)
    assert caught.value.reason == "BAD_PROPERTY"


def test_unsetting_a_missing_tag_fails() -> None:
    with pytest.raises(NotFound) as caught:
        apply_changes({"tags": {"a": "1"}}, [tag("b")], SOURCE_PROPERTIES)
    assert caught.value.reason == "TAG_NOT_FOUND"
