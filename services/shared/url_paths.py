"""Percent-encodes the keys of objects as lines of text."""

from collections.abc import Sequence
from string import ascii_letters, digits
from typing import Final
from urllib.parse import quote, unquote

# Characters that need no encoding in the path of a URL.
_PLAIN: Final = (ascii_letters + digits + "-._~/").encode()


def url_lines(paths: Sequence[str]) -> bytes:
    """Each path percent-encoded and followed by a line feed.

    "/" and unreserved characters are not encoded (RFC 3986, section 2.3).
    """
    lines = "".join([f"{path}\n" for path in paths]).encode()
    if is_plain(lines, len(paths)):
        return lines
    return "".join([f"{quote(path, safe='/~')}\n" for path in paths]).encode()


def is_plain(lines: bytes, count: int) -> bool:
    """True if the text is `count` lines that need no encoding, like all paths that this store creates."""
    return lines.translate(None, _PLAIN) == b"\n" * count


def is_well_formed(lines: bytes) -> bool:
    """True if the text is a result of `url_lines`."""
    if lines[-1:] not in (b"", b"\n") or not lines.isascii():
        return False
    if is_plain(lines, lines.count(b"\n")):
        return True
    return url_lines([unquote(line) for line in lines.decode().split("\n")[:-1]]) == lines
