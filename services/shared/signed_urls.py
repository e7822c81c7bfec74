"""Signed URLs of many objects in parts: what they share comes once."""

from collections.abc import Sequence
from string import ascii_letters, digits
from typing import Final, NamedTuple
from urllib.parse import quote

_PLAIN: Final = (ascii_letters + digits + "-._~/").encode()


class SignedUrls(NamedTuple):
    """URLs of objects in one bucket: `before`, a path as `in_urls` writes it, `after`, its signature."""

    before: str
    after: str
    paths: Sequence[str]
    signatures: Sequence[str]

    def whole(self) -> list[str]:
        """The URL of each object."""
        return self.between(self.before, self.after, "")

    def between(self, head: str, middle: str, tail: str) -> list[str]:
        """For each object a text of its path and signature with three others around them."""
        parts = zip(in_urls(self.paths), self.signatures, strict=True)
        return [f"{head}{path}{middle}{signature}{tail}" for path, signature in parts]


def in_urls(paths: Sequence[str]) -> Sequence[str]:
    """Each path percent-encoded, with "/" and unreserved characters kept (RFC 3986, section 2.3)."""
    # Paths that the store made need nothing, which one look at all of them tells.
    if not "".join(paths).encode().translate(None, _PLAIN):
        return paths
    return [quote(path, safe="/~") for path in paths]
