"""API keys: callers with a random secret.

The text of a key is `tams_<id>_<secret>`. The id finds the row, the secret proves who calls.
"""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from services.access.credentials import KEY_PREFIX
from services.shared.access.principal import Principal, Scope
from services.shared.json.reading import refuse

# The start of the name of a key as a caller.
CALLER_PREFIX: Final = "key:"
# Bytes of randomness.
ID_BYTES: Final = 8
SECRET_BYTES: Final = 32
# The end of the year 9999, the last that RFC 3339 can write.
_LAST_MS: Final = 253_402_300_799_999
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_ID: Final = re.compile(rf"[0-9a-f]{{{2 * ID_BYTES}}}")
_TEXT: Final = re.compile(rf"{KEY_PREFIX}({_ID.pattern})_([0-9a-f]{{{2 * SECRET_BYTES}}})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An API key. Times are milliseconds since 1970."""

    id: str
    # Unique among all keys, because it names the caller in records of changes.
    name: str
    secret_hash: bytes = field(repr=False)
    scopes: frozenset[Scope]
    suspended: bool = False
    created_ms: int
    # None for a key that does not expire.
    expires_ms: int | None = None
    # The time of the last use, written at most once a minute; None for a key that was never used.
    last_used_ms: int | None = None
    # None for all classes.
    classes: frozenset[str] | None = None

    @property
    def principal(self) -> Principal:
        """The owner of the key as a caller."""
        return Principal.of(f"{CALLER_PREFIX}{self.name}", self.scopes, self.classes)

    def is_expired(self, now_ms: int) -> bool:
        """True if the key is no longer valid."""
        return self.expires_ms is not None and self.expires_ms <= now_ms


class KeyParts(NamedTuple):
    """The parts of the text of a key."""

    id: str
    secret: str

    def __repr__(self) -> str:
        """The id alone, because the secret must not appear in a log."""
        return f"KeyParts(id={self.id!r})"

    @property
    def text(self) -> str:
        """The text of the key, as its owner sends it."""
        return f"{KEY_PREFIX}{self.id}_{self.secret}"

    @property
    def secret_hash(self) -> bytes:
        """The SHA-256 of the secret.

        A slow hash protects passwords, because people choose guessable ones. Nobody guesses 256 random bits,
        so a fast hash is enough, and each request can afford it.
        """
        return hashlib.sha256(self.secret.encode()).digest()


def parse_key(text: str) -> KeyParts | None:
    """The parts of a key; None if the text is not a key."""
    match = _TEXT.fullmatch(text)
    return KeyParts(match[1], match[2]) if match else None


def is_key_id(text: str) -> bool:
    """True if a key can have this id."""
    return _ID.fullmatch(text) is not None


def check_new_key(name: str, expires_ms: int | None, now_ms: int) -> None:
    """InvalidArgument BAD_KEY unless a new key can have this name and time of expiry."""
    if not _NAME.fullmatch(name):
        allowed = "1 to 64 of A-Z, a-z, 0-9 and ._@+-, the first a letter or digit"
        raise refuse(f"must have {allowed}", "$.name", "BAD_KEY")
    if expires_ms is not None and not now_ms < expires_ms <= _LAST_MS:
        raise refuse("must be in the future, and before the year 10000", "$.expires", "BAD_KEY")
