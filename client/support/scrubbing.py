"""Removes secrets from texts: values that are known, and whatever has the form of a secret."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from client.local.names import RUNTIME_FILE

REMOVED: Final = "[removed]"
# Shorter values occur in harmless texts, and protect nothing.
_SHORTEST: Final = 6
_MAX_FILE_BYTES: Final = 64 * 1024
_MAX_FILES: Final = 200

# The secrets within a file of another form, such as JSON.
_WORD: Final = re.compile(r"[A-Za-z0-9+/=_.\-]{16,}")

_NAMES: Final = (
    r"(?:passwords?|passwd|secrets?|tokens?|api[_-]?keys?|access[_-]?key(?:[_-]?id)?|secret[_-]?key"
    r"|private[_-]?key|signature|credentials?)"
)
# A name, and what stands between it and its value, as in JSON, within a text of JSON, or in a command.
_NAMED: Final = rf"({_NAMES}(?:\\?[\"'])?\s{{0,4}}[:=]\s{{0,4}})"
_FORMS: Final = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*-----|\Z)", re.DOTALL), REMOVED),
    # A user and a password in a URL.
    (re.compile(r"([a-zA-Z][a-zA-Z0-9+.\-]{0,20}://)[^/\s\"'<>]{0,2000}@"), rf"\1{REMOVED}@"),
    # A query, which may have a token or a signature. Whatever it holds, its path says enough.
    (re.compile(r"\?[A-Za-z0-9_.%\-]{1,100}=[^\s\"'<>]*"), f"?{REMOVED}"),
    (re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=\-]{6,}", re.IGNORECASE), rf"\1 {REMOVED}"),
    # JWTs, API keys of the store, and access keys of S3.
    (re.compile(r"\beyJ[A-Za-z0-9_\-]{5,8000}\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]*"), REMOVED),
    (re.compile(r"\btams_[0-9A-Za-z\-]{4,64}_[0-9a-f]{16,}[0-9A-Za-z]*"), REMOVED),
    (re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{12,}"), REMOVED),
    (re.compile(_NAMED + r"(\\?[\"'])(?:(?!\2)(?:\\.|[^\n]))*\2", re.IGNORECASE), rf"\1\2{REMOVED}\2"),
    (re.compile(_NAMED + r"[^\s\"'\\\[{][^\s\"',;}]*", re.IGNORECASE), rf"\1{REMOVED}"),
)


class Scrubber:
    """Removes the given secrets, and everything that looks like one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # The longest first, as one may contain another.
        known = sorted({secret for secret in secrets if len(secret) >= _SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def clean(self, text: str) -> str:
        """The text without secrets."""
        if self._known is not None:
            text = self._known.sub(REMOVED, text)
        for form, instead in _FORMS:
            text = form.sub(instead, text)
        return text


def known_secrets(hidden: Mapping[str, str], shown: Mapping[str, str], folder: Path) -> set[str]:
    """The values of secret settings, and the lines of the files that hold secrets.

    These are the files in `folder`, and those that settings whose names end with _FILE or _KEY name.
    """
    named = [
        Path(value)
        for name, value in shown.items()
        if name.endswith(("_FILE", "_KEY")) and name != RUNTIME_FILE
    ]
    found = {line for value in hidden.values() for line in _lines(value)}
    for path in [*_files_in(folder), *named][:_MAX_FILES]:
        content = _content(path)
        found |= _lines(content) | set(_WORD.findall(content))
    return found


def _lines(text: str) -> set[str]:
    return {text.strip(), *(line.strip() for line in text.splitlines() if not line.startswith("-----"))}


def _files_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file())
    except OSError:
        return []


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FILE_BYTES).decode(errors="replace")
    except OSError:
        return ""
