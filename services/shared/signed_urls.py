"""Signed URLs of many objects in parts: what they share comes once, the rest as lines of text."""

from collections.abc import Sequence
from string import ascii_letters, digits
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

_PLAIN: Final = (ascii_letters + digits + "-._~/").encode()


class SignedUrls(NamedTuple):
    """URLs of objects in one bucket: `before`, a path, `after`, its signature.

    Paths, as `url_lines` writes them, and signatures are lines, one for each object.
    """

    before: str
    after: str
    paths: bytes
    signatures: bytes

    def whole(self) -> list[str]:
        """The URL of each object."""
        parts = zip(self.paths.decode().splitlines(), self.signatures.decode().splitlines(), strict=True)
        return [f"{self.before}{path}{self.after}{signature}" for path, signature in parts]


def url_lines(paths: Sequence[str]) -> bytes:
    """Each path percent-encoded and ended by a line feed.

    "/" and unreserved characters are kept (RFC 3986, section 2.3).
    """
    lines = "".join([f"{path}\n" for path in paths]).encode()
    if plain(lines, len(paths)):
        return lines
    return "".join([f"{quote(path, safe='/~')}\n" for path in paths]).encode()


def plain(lines: bytes, count: int) -> bool:
    """Whether text is so many paths that need no encoding: those that the store made, in one look."""
    return lines.translate(None, _PLAIN) == b"\n" * count


def well_formed(lines: bytes) -> bool:
    """Whether text is what `url_lines` writes of some paths."""
    if lines[-1:] not in (b"", b"\n") or not lines.isascii():
        return False
    if plain(lines, lines.count(b"\n")):
        return True
    return url_lines([unquote(line) for line in lines.decode().split("\n")[:-1]]) == lines
