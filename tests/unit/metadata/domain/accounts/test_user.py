import pytest

from services.metadata.domain.accounts.user import User, check_new_password, is_user_name, normalise_password
from services.shared.access.principal import GRANTED, Principal, Scope


def a_user() -> User:
    scopes = frozenset({Scope.ADMIN})
    return User(name="alice", password_hash="argon2", scopes=scopes, created_ms=0, changed_ms=0)


@pytest.mark.parametrize("name", ["a", "alice", "alice@example.com", "a.b-c_d+e", "0", "a" * 64])
def test_names_of_users(name: str) -> None:
    assert is_user_name(name)


@pytest.mark.parametrize("name", ["", "Alice", "a:b", ".a", "a b", "a" * 65, "a\n", "\0"])
def test_other_texts_are_no_names(name: str) -> None:
    assert not is_user_name(name)


@pytest.mark.parametrize("password", ["8 chars!", "x" * 1024, "é" * 512])
def test_passwords_of_every_allowed_length(password: str) -> None:
    check_new_password(password)


def test_a_decomposed_accent_is_the_same_password() -> None:
    assert normalise_password("cafe\u0301") == normalise_password("caf\u00e9")


def test_an_administrator_has_all_scopes_that_callers_can_have() -> None:
    assert a_user().principal == Principal("user:alice", GRANTED)


def test_the_representation_has_no_hash() -> None:
    assert "argon2" not in repr(a_user())
