"""Signed fields of tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.access.principal import Limit, Principal, Scope
from services.shared.access.signing import Secrets, Signer, fields_of, principal_of
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


ONE = Secrets(SECRET)
OTHER = Secrets(SECRET[::-1])


def test_a_signature_is_valid_for_its_secret_and_purpose_alone() -> None:
    token = Signer(ONE, "one").sign(["a", "b"])
    assert Signer(ONE, "one").open(token) == ["a", "b"]
    assert Signer(ONE, "another").open(token) is None
    assert Signer(ONE, "").open(token) is None
    assert Signer(OTHER, "one").open(token) is None


def test_of_several_secrets_the_first_signs_and_all_verify() -> None:
    both = Secrets(SECRET, SECRET[::-1])
    assert Signer(ONE, "one").open(Signer(both, "one").sign(["a"])) == ["a"]
    assert Signer(OTHER, "one").open(Signer(both, "one").sign(["a"])) is None
    for secrets in (ONE, OTHER):
        assert Signer(both, "one").open(Signer(secrets, "one").sign(["a"])) == ["a"]


def test_replaced_secrets_count_at_once() -> None:
    secrets = Secrets(SECRET)
    signer = Signer(secrets, "one")
    token = signer.sign(["a"])
    secrets.all = (SECRET[::-1],)
    assert signer.open(token) is None
    assert Signer(OTHER, "one").open(signer.sign(["a"])) == ["a"]


@pytest.mark.parametrize("text", ["", ".", "a.b", "a.b.", "ü.ü", "a" * 10_000])
def test_a_text_without_a_signature_is_not_opened(text: str) -> None:
    assert Signer(ONE, "one").open(text) is None


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(StartupError, match="32"):
        Secrets(SECRET, SECRET[:31])
