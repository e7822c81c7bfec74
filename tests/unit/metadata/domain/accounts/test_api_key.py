import pytest

from services.metadata.domain.accounts.api_key import ApiKey, KeyParts, parse_key
from services.shared.access.principal import Principal, Scope

ID, SECRET = "0123456789abcdef", "ab" * 32


def a_key(expires_ms: int | None = None) -> ApiKey:
    return ApiKey(
        id=ID,
        name="ingest",
        secret_hash=b"digest",
        scopes=frozenset({Scope.READ}),
        created_ms=0,
        expires_ms=expires_ms,
    )


def test_the_text_of_a_key_is_parsed_again() -> None:
    parts = KeyParts(ID, SECRET)
    assert parts.text == f"tams_{ID}_{SECRET}"
    assert parse_key(parts.text) == parts
    assert len(parts.secret_hash) == 32


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{ID}_{SECRET}",
        f"tams_{ID}{SECRET}",
        f"tams_{ID}_{SECRET[:-1]}",
        f"tams_{ID}_{SECRET}\n",
        f"TAMS_{ID}_{SECRET}",
        f"tams_{ID}_{SECRET.upper()}",
        f"tams_{ID}__{SECRET}",
    ],
)
def test_other_texts_are_no_keys(text: str) -> None:
    assert parse_key(text) is None


def test_representations_have_no_secret() -> None:
    assert SECRET not in repr(KeyParts(ID, SECRET))
    assert "digest" not in repr(a_key())


def test_a_key_is_valid_until_it_expires() -> None:
    assert not a_key().is_expired(10**15)
    assert [a_key(5).is_expired(now) for now in (4, 5, 6)] == [False, True, True]


def test_the_owner_of_a_key_is_named_by_its_name() -> None:
    assert a_key().principal == Principal("key:ingest", frozenset({Scope.READ}))
