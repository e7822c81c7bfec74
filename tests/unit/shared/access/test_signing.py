"""Signed fields of tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.access.principal import Limit, Principal, Scope
from services.shared.access.signing import Signer, fields_of, principal_of
from services.shared.errors import StartupError

SECRET = b"a secret of thirty-two bytes or more"
LIMITS = st.builds(
    Limit,
    st.frozensets(st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE"]), min_size=1),
    st.sampled_from(["", "4a1f0c5e-6d0b-4b8e-9d57-0c1a9e7f3b11"]),
)
CLASSES = st.frozensets(st.sampled_from(["news", "sport", "a.b:c/d@e_f-g"]))
SCOPES = st.frozensets(st.sampled_from(list(Scope)))
PRINCIPALS = st.builds(Principal, st.text(), SCOPES, st.none() | LIMITS, st.none() | CLASSES)


@given(PRINCIPALS)
def test_a_caller_is_the_same_after_it_was_written_and_read(principal: Principal) -> None:
    fields = fields_of(principal)
    assert principal_of(*fields) == principal
    assert not any("." in field for field in fields)


def test_a_signature_is_valid_for_its_secret_and_purpose_alone() -> None:
    token = Signer(SECRET, "one").sign(["a", "b"])
    assert Signer(SECRET, "one").open(token) == ["a", "b"]
    assert Signer(SECRET, "another").open(token) is None
    assert Signer(SECRET, "").open(token) is None
    assert Signer(SECRET[::-1], "one").open(token) is None


@pytest.mark.parametrize("text", ["", ".", "a.b", "a.b.", "ü.ü", "a" * 10_000])
def test_a_text_without_a_signature_is_not_opened(text: str) -> None:
    assert Signer(SECRET, "one").open(text) is None


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(StartupError, match="32"):
        Signer(SECRET[:31], "one")
