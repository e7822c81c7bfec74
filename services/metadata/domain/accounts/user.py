"""Users: callers with a name and a password."""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

from services.shared.access.principal import Principal, Scope
from services.shared.json.reading import refuse

# The start of the name of a user as a caller.
USER_PREFIX: Final = "user:"
MIN_PASSWORD_CHARACTERS: Final = 8
MAX_PASSWORD_BYTES: Final = 1024
# No colon, because it ends the name in Basic credentials. No upper case, so that no two names look alike.
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user. Times are milliseconds since 1970."""

    name: str
    # The argon2id hash, with its parameters and salt. It never leaves the service.
    password_hash: str = field(repr=False)
    scopes: frozenset[Scope]
    suspended: bool = False
    created_ms: int
    changed_ms: int
    # None for all classes.
    classes: frozenset[str] | None = None

    @property
    def principal(self) -> Principal:
        """The user as a caller."""
        return Principal.of(f"{USER_PREFIX}{self.name}", self.scopes, self.classes)


def is_user_name(text: str) -> bool:
    """True if a user can have this name."""
    return _NAME.fullmatch(text) is not None


def check_user_name(text: str) -> None:
    """InvalidArgument BAD_USER unless a user can have this name."""
    if not is_user_name(text):
        allowed = "1 to 64 of a-z, 0-9 and ._@+-, the first a letter or digit"
        raise refuse(f"must have {allowed}", "$.name", "BAD_USER")


def check_new_password(password: str, member: str = "password") -> None:
    """InvalidArgument BAD_PASSWORD for a password that is too short or too long; `member` is its name."""
    text = normalise_password(password)
    if len(text) < MIN_PASSWORD_CHARACTERS or not fits(text):
        limits = f"{MIN_PASSWORD_CHARACTERS} characters or more, and at most {MAX_PASSWORD_BYTES} bytes"
        raise refuse(f"must have {limits}", f"$.{member}", "BAD_PASSWORD")


def fits(password: str) -> bool:
    """True unless the password is longer than any that is stored."""
    return len(password.encode()) <= MAX_PASSWORD_BYTES


def normalise_password(password: str) -> str:
    """The password in normal form C, because keyboards of some systems send accents separately (RFC 8265)."""
    return unicodedata.normalize("NFC", password)
