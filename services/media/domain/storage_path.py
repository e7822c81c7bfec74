"""The storage path of an object: its key in the bucket, which allocation determines.

The folder comes from the key template of the backend, by default the prefix and the day; the steps below it
from the object id.

Object ids are free text. Bytes other than letters, digits, "_", "-" and "." become "~" and two hexadecimal
digits, so that a key needs no encoding in a URL, never has a step "." or "..", and two ids never have the
same key. Long ids are cut into steps joined by "~/~", because storage that keeps objects as files limits a
file name to 255 bytes. The last step never ends in "~", so no key is a folder of another key.
"""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from services.shared.errors import InvalidArgument
from services.shared.url_paths import is_well_formed, url_lines

# The limit of S3 in bytes; our keys are ASCII.
MAX_KEY_LENGTH: Final = 1024

_STEP_LENGTH: Final = 200
_UNSAFE: Final = re.compile(r"^\.|[^A-Za-z0-9_.-]")
_ESCAPED: Final = re.compile(rb"~([0-9A-F]{2})")
# Turns lines of paths into a sequence of steps, each between two slashes.
_STEPS: Final = bytes.maketrans(b"\n", b"/")
_DOT_STEP: Final = re.compile(rb"/\.\.?/")
_CONTROL: Final = re.compile(rb"%[01]|%7F")


def storage_path(folder: str, object_id: str) -> str:
    """The key of a new object. InvalidArgument BAD_ALLOCATION if the id is empty or too long for a key."""
    if not object_id:
        raise _bad("an object id is empty")
    # Escaping never shortens an id, so a longer one need not be escaped.
    if len(object_id) <= MAX_KEY_LENGTH:
        path = folder + _steps(plain(object_id))
        if len(path) <= MAX_KEY_LENGTH:
            return path
    raise _bad(f"object id {object_id[:64]!r}... is too long: its key would exceed {MAX_KEY_LENGTH} bytes")


def object_id_of(path: str) -> str | None:
    """The id of the object that `storage_path` gives this key, whatever the folder; None if there is none."""
    *steps, name = path.split("/")
    while name.startswith("~") and steps and steps[-1].endswith("~"):
        name = steps.pop()[:-1] + name[1:]
    try:
        return _ESCAPED.sub(_unescape, name.encode()).decode() or None
    except UnicodeDecodeError:
        return None


def plain(name: str) -> str:
    """A text as a step of a key: what is not plain is escaped."""
    return _UNSAFE.sub(_escape, name)


def check_paths(lines: bytes) -> None:
    """InvalidArgument BAD_STORAGE_PATH unless each line (see `url_lines`) is a valid percent-encoded key.

    No step of a key may be empty, "." or "..", because storage and libraries resolve such steps in different
    ways, and the result may be another object, or the bucket.
    """
    if not is_well_formed(lines):
        raise _bad_path("is not percent-encoded")
    # Several searches for short texts, because one regular expression takes several times as long.
    steps = b"/" + lines.translate(_STEPS)
    if b"//" in steps:
        raise _bad_path("is empty or has an empty step")
    if b"." in steps and _DOT_STEP.search(steps):
        raise _bad_path("has a step that is . or ..")
    if b"%" in lines and _CONTROL.search(lines):
        raise _bad_path("contains a control character")
    if _may_be_long(lines) and any(map(_is_long, lines.split(b"\n"))):
        raise _bad_path(f"is longer than {MAX_KEY_LENGTH} bytes")


def is_storage_path(path: str) -> bool:
    """True if the text is a valid key."""
    try:
        check_paths(url_lines([path]))
    except InvalidArgument:
        return False
    return True


def _may_be_long(lines: bytes) -> bool:
    """False if no line is longer than a key. A longer line fills at least one whole block."""
    block = MAX_KEY_LENGTH // 2
    return not all(b"\n" in lines[start : start + block] for start in range(0, len(lines) - block, block))


def _is_long(line: bytes) -> bool:
    return len(line) > MAX_KEY_LENGTH and len(unquote_to_bytes(line)) > MAX_KEY_LENGTH


def _unescape(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[1].decode())


def _escape(match: re.Match[str]) -> str:
    return "".join(f"~{byte:02X}" for byte in match[0].encode())


def _steps(name: str) -> str:
    if len(name) <= _STEP_LENGTH:
        return name
    return "~/~".join(name[start : start + _STEP_LENGTH] for start in range(0, len(name), _STEP_LENGTH))


def _bad(summary: str) -> InvalidArgument:
    return InvalidArgument(summary, reason="BAD_ALLOCATION")


def _bad_path(fault: str) -> InvalidArgument:
    return InvalidArgument(f"a storage path {fault}", reason="BAD_STORAGE_PATH")
