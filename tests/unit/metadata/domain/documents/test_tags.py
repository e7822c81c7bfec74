import pytest

from services.metadata.domain.documents.tags import (
    MAX_NAME,
    MAX_TAGS,
    MAX_VALUE,
    UNCHANGED,
    TagChanges,
    tag_changes,
)
from services.shared.errors import InvalidArgument

FULL = {f"{number}": "v" for number in range(MAX_TAGS)}
# Tags from before there were limits.
OVERSIZED = FULL | {"more": "v", "n" * (MAX_NAME + 1): "v" * (MAX_VALUE + 1)}


def test_only_tags_that_differ_are_changes() -> None:
    changes = tag_changes({"a": "1", "b": "2", "c": "3"}, {"b": "2", "c": "4", "d": "5"})
    assert changes == TagChanges(frozenset({"a"}), {"c": "4", "d": "5"}, {"a": "1", "c": "3"})
    assert not tag_changes(FULL, dict(reversed(FULL.items())))
    assert not UNCHANGED


def test_tags_within_the_limits_are_accepted() -> None:
    assert tag_changes({}, FULL).set == FULL
    assert tag_changes({}, {"n" * MAX_NAME: "v" * MAX_VALUE, "": ""})


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ({}, FULL | {"more": ""}, "TOO_MANY_TAGS"),
        (FULL, FULL | {"more": ""}, "TOO_MANY_TAGS"),
        (OVERSIZED, OVERSIZED | {"0": "other"}, "TOO_MANY_TAGS"),
        ({}, {"n" * (MAX_NAME + 1): ""}, "TAG_TOO_LONG"),
        ({"a": ""}, {"a": "v" * (MAX_VALUE + 1)}, "TAG_TOO_LONG"),
    ],
)
def test_tags_that_grow_beyond_the_limits_are_refused(
    before: dict[str, str], after: dict[str, str], reason: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        tag_changes(before, after)
    assert (caught.value.reason, caught.value.metadata) == (reason, {"path": "$.tags"})


def test_stored_tags_beyond_the_limits_may_stay_or_shrink() -> None:
    assert not tag_changes(OVERSIZED, OVERSIZED)
    assert tag_changes(OVERSIZED, {name: OVERSIZED[name] for name in list(OVERSIZED)[1:]}) == TagChanges(
        frozenset({"0"}), {}, {"0": "v"}
    )
