from contextlib import nullcontext
from typing import Final

import pytest

from services.metadata.domain.documents.classes import changed_classes, classes_of_document, with_classes
from services.metadata.domain.documents.tags import tag_changes
from services.shared.access.classes import MAX_CLASSES, TAG
from services.shared.errors import InvalidArgument, PermissionDenied

BAD, OUTSIDE = "BAD_CLASSES", "OUTSIDE_CLASSES"
MANY: Final = ",".join(f"c{number}" for number in range(MAX_CLASSES + 1))


@pytest.mark.parametrize(
    ("before", "sent", "of_caller", "expected"),
    [
        # A caller with all classes sets anything that names classes.
        (None, None, None, None),
        (None, "a", None, "a"),
        ("a", "b, c", None, "b, c"),
        ("a", None, None, None),
        ("a", "", None, ""),
        ("a", "a b", None, BAD),
        (None, "é", None, BAD),
        (None, MANY, None, BAD),
        # What an older version stored may stay.
        ("a b", "a b", None, "a b"),
        (MANY, MANY, None, MANY),
        # What is new gets the classes of its caller.
        (None, None, {"b", "a"}, "a,b"),
        (None, "a", {"b", "a"}, "a"),
        (None, "c", {"a"}, OUTSIDE),
        (None, "a,c", {"a"}, OUTSIDE),
        (None, "", {"a"}, OUTSIDE),
        (None, None, set(), OUTSIDE),
        # Without the tag the classes stay.
        ("a,x", None, {"a"}, "a,x"),
        ("a,x", "a,x", {"a"}, "a,x"),
        ("a,x", "x,a,b", {"a", "b"}, "x,a,b"),
        ("a,b,x", "b,x", {"a", "b"}, "b,x"),
        # The classes of others stay, and one of the caller's own.
        ("a,x", "a", {"a"}, OUTSIDE),
        ("a,x", "x", {"a"}, OUTSIDE),
        ("a,x", "x,b", {"a", "b"}, "x,b"),
        ("a,x", "a,x,y", {"a"}, OUTSIDE),
        ("a,x", "", {"a"}, OUTSIDE),
        ("a", "a b", {"a"}, BAD),
    ],
)
def test_callers_set_their_own_classes(
    before: str | None, sent: str | None, of_caller: set[str] | None, expected: str | None
) -> None:
    classes = None if of_caller is None else frozenset(of_caller)
    error = {BAD: InvalidArgument, OUTSIDE: PermissionDenied}.get(expected or "")
    with pytest.raises(error) if error else nullcontext() as raised:
        tags = with_classes(_tags(before), _tags(sent), classes, classes or frozenset())
    if raised is not None:
        assert raised.value.reason == expected
    else:
        assert tags == _tags(expected)


def _tags(value: str | None) -> dict[str, str]:
    return {} if value is None else {TAG: value}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (b'{"id":"x","tags":{"auth_classes":"a, b,,a b"}}', {"a", "b"}),
        (b'{"tags":{"other":"a"}}', set()),
        (b'{"tags":{"other":"auth_classes"}}', set()),
        (b'{"auth_classes":"a"}', set()),
        (b'{"tags":null,"note":"auth_classes"}', set()),
        (b'{"tags":{"auth_classes":7}}', set()),
        (b'{"tags":{"auth_classes":"a"}', set()),
        (b'{"tags":{"auth_classes":"\xff"}}', set()),
        (b"", set()),
    ],
)
def test_a_document_that_names_no_classes_has_none(document: bytes, expected: set[str]) -> None:
    assert classes_of_document(document) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"t": "1"}, None),
        ({TAG: "a"}, {TAG: "a", "t": "1"}, None),
        ({}, {TAG: "a,b"}, {"a", "b"}),
        ({TAG: "a"}, {TAG: "b"}, {"b"}),
        ({TAG: "a"}, {}, set()),
    ],
)
def test_only_a_change_of_the_tag_changes_classes(
    before: dict[str, str], after: dict[str, str], expected: set[str] | None
) -> None:
    assert changed_classes(tag_changes(before, after)) == expected
