"""Long texts of filters, identified by their beginning and their digest."""

import hashlib
from typing import Final, NamedTuple

from services.shared.errors import InvalidArgument

LEAST_BYTES: Final = 16
_LAST_CHARACTER: Final = 0x10FFFF
# Surrogates, U+D800 to U+DFFF, are not characters and occur in no text.
_BEFORE_SURROGATES: Final = 0xD7FF
_AFTER_SURROGATES: Final = 0xE000


class TextDigest(NamedTuple):
    """Identifies a text: `begin` is its beginning, `sha256` the first bytes of its SHA-256 digest."""

    begin: str
    sha256: bytes

    def check(self) -> None:
        """InvalidArgument BAD_TEXT_DIGEST if the digest is too short to identify one text."""
        if len(self.sha256) < LEAST_BYTES:
            raise InvalidArgument(f"a digest has at least {LEAST_BYTES} bytes", reason="BAD_TEXT_DIGEST")

    def matches(self, text: str) -> bool:
        """True if the text has this digest; its beginning is not compared."""
        return hashlib.sha256(text.encode()).digest().startswith(self.sha256)


def prefix_end(prefix: str) -> str | None:
    """The smallest text that is greater than all texts with the prefix; None if there is no such text."""
    stem = prefix.rstrip(chr(_LAST_CHARACTER))
    if not stem:
        return None
    last = ord(stem[-1])
    return stem[:-1] + chr(_AFTER_SURROGATES if last == _BEFORE_SURROGATES else last + 1)
