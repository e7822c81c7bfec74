import pytest

from client.api import LoginFailed
from client.login import ConfigFolder
from client.login.oidc.tokens import Token
from client.login.token_file import StoredToken, TokenFile


@pytest.mark.parametrize(
    ("life", "due", "expired"), [(3600, 1000 + 3540, 4600), (100, 1075, 1100), (0, 1000, 1000)]
)
def test_a_token_is_due_a_minute_or_a_quarter_of_its_life_before_it_expires(
    life: int, due: float, expired: float
) -> None:
    token = StoredToken.of(Token(access_token="t", expires_in=life), 1000)
    assert token.is_due(due)
    assert not token.is_due(due - 0.1)
    assert token.has_expired(expired)
    assert not token.has_expired(expired - 0.1)


def test_a_token_without_a_time_does_not_expire() -> None:
    token = StoredToken.of(Token(access_token="t"), 1000)
    assert not token.is_due(1e12)
    assert not token.has_expired(1e12)


def test_a_token_is_kept_and_only_its_owner_can_read_it(folder: ConfigFolder) -> None:
    file, token = TokenFile(folder, "p"), StoredToken(access_token="a", refresh_token="r", expires_at=5.0)
    assert file.read() is None
    file.write(token)
    assert file.read() == token
    assert (folder.root / file.name).stat().st_mode & 0o777 == 0o600
    assert file.remove()
    assert not file.remove()


def test_the_error_for_a_damaged_file_and_repr_have_no_token(folder: ConfigFolder) -> None:
    file = TokenFile(folder, "p")
    folder.write(file.name, {"access_token": "s3cret", "expires_at": "s3cret"})
    with pytest.raises(LoginFailed, match="is damaged") as error:
        file.read()
    shown = (str(error.value), repr(StoredToken(access_token="s3cret")), repr(Token(access_token="s3cret")))
    assert not any("s3cret" in text for text in shown)
