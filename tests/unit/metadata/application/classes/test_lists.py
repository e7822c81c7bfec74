from hypothesis import given
from hypothesis import strategies as st

from services.metadata.application.classes.lists import with_hidden_items

ITEMS = st.lists(st.builds(lambda one, role: {"id": one, "role": role}, st.sampled_from("abcdef"), st.text()))
SEEN = st.frozensets(st.sampled_from("abcdef"))


def seen_of(items: list[dict[str, str]], seen: frozenset[str]) -> list[dict[str, str]]:
    return [item for item in items if item["id"] in seen]


@given(before=ITEMS, seen=SEEN)
def test_a_collection_that_is_sent_back_as_it_was_read_stays(
    before: list[dict[str, str]], seen: frozenset[str]
) -> None:
    assert with_hidden_items(seen_of(before, seen), before, seen) == before


@given(before=ITEMS, sent=ITEMS, seen=SEEN)
def test_a_new_collection_has_the_hidden_items_and_what_was_sent(
    before: list[dict[str, str]], sent: list[dict[str, str]], seen: frozenset[str]
) -> None:
    sent = seen_of(sent, seen)
    merged = with_hidden_items(sent, before, seen)
    assert seen_of(merged, seen) == sent
    assert [item for item in merged if item["id"] not in seen] == [
        item for item in before if item["id"] not in seen
    ]
