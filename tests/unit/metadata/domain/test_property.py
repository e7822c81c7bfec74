import pytest

from services.metadata.domain.property import FLOW_PROPERTIES, SOURCE_PROPERTIES, PropertyChange, changed
from services.shared.errors import InvalidArgument, NotFound


def member(name, value=None):
    return PropertyChange(name, None, value)


def tag(name, value=None):
    return PropertyChange(None, name, value)


def test_changes_are_made_in_order():
    changes = [member("tags", b'{"a":"1","b":"2"}'), tag("a"), tag("", b'"3"'), member("label", b'"x"')]
    assert changed({"tags": {"old": "0"}}, changes, SOURCE_PROPERTIES) == {
        "tags": {"b": "2", "": "3"},
        "label": "x",
    }


def test_all_tags_are_unset_at_once():
    assert changed({"tags": {"a": "1"}, "label": "x"}, [member("tags")], FLOW_PROPERTIES) == {"label": "x"}


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
def test_what_does_not_fit_is_refused(change):
    with pytest.raises(InvalidArgument, match=r".") as caught:
        changed({}, [change], SOURCE_PROPERTIES)
    assert caught.value.reason == "BAD_PROPERTY"


def test_a_tag_to_unset_must_be_there():
    with pytest.raises(NotFound) as caught:
        changed({"tags": {"a": "1"}}, [tag("b")], SOURCE_PROPERTIES)
    assert caught.value.reason == "TAG_NOT_FOUND"
