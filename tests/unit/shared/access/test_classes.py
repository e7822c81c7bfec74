"""Classes of sources and flows, and who sees what has them."""

import pytest

from services.shared.access.classes import classes_of_tag, classes_of_tags, is_class, sees, tag_of_classes
from services.shared.access.principal import SYSTEM, Principal, Scope

READ = frozenset({Scope.READ})


@pytest.mark.parametrize(
    ("value", "classes"),
    [
        (None, set()),
        ("", set()),
        ("news", {"news"}),
        ("news,sport", {"news", "sport"}),
        (" news , sport,,", {"news", "sport"}),
        ("news sport", set()),
        ("*", set()),
        ("bbc.co.uk/news:live@1_a-b", {"bbc.co.uk/news:live@1_a-b"}),
        ("a" * 65 + ",sport", {"sport"}),
    ],
)
def test_classes_are_words_between_commas(value: str | None, classes: set[str]) -> None:
    assert classes_of_tag(value) == classes
    assert classes_of_tag(tag_of_classes(classes)) == classes
    assert all(map(is_class, classes))


def test_only_the_tag_of_that_name_has_classes() -> None:
    assert classes_of_tags({"auth_classes": "news", "class": "sport"}) == {"news"}
    assert classes_of_tags({"AUTH_CLASSES": "news"}) == set()


@pytest.mark.parametrize(
    ("own", "classes", "expected"),
    [
        (None, set(), True),
        (None, {"news"}, True),
        ({"news"}, {"news", "sport"}, True),
        ({"news"}, {"sport"}, False),
        ({"news"}, {"newsroom", "New"}, False),
        ({"news"}, set(), False),
        (set(), {"news"}, False),
        (set(), set(), False),
    ],
)
def test_a_caller_sees_what_has_one_of_its_classes(
    own: set[str] | None, classes: set[str], expected: bool
) -> None:
    caller = Principal("user:alice", READ, classes=None if own is None else frozenset(own))
    assert sees(caller, classes) is expected


def test_administrators_and_the_store_itself_see_all_classes() -> None:
    assert Principal.of("user:root", {Scope.ADMIN}, frozenset({"news"})).classes is None
    assert SYSTEM.classes is None
    assert Principal.of("user:a", READ, frozenset()).classes == frozenset()
