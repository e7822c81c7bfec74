import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metadata.domain.documents.text_digest import TextDigest, prefix_end
from services.shared.errors import InvalidArgument


@given(st.text(min_size=1, max_size=3), st.text(max_size=3))
def test_texts_with_the_prefix_are_below_its_end(prefix: str, rest: str) -> None:
    end = prefix_end(prefix)
    assert end is None or prefix + rest < end
    assert (end is None) == (set(prefix) == {"\U0010ffff"})


@pytest.mark.parametrize(
    ("prefix", "end"), [("ab", "ac"), ("a\U0010ffff", "b"), ("\ud7ff", "\ue000"), ("", None)]
)
def test_the_end_is_the_least_text_above_the_prefix(prefix: str, end: str | None) -> None:
    assert prefix_end(prefix) == end


def test_a_digest_matches_only_its_text() -> None:
    sha256 = hashlib.sha256("ü".encode()).digest()
    assert TextDigest("ü", sha256[:16]).matches("ü")
    assert not TextDigest("ü", sha256).matches("u")
    with pytest.raises(InvalidArgument) as caught:
        TextDigest("ü", sha256[:15]).check()
    assert caught.value.reason == "BAD_TEXT_DIGEST"
