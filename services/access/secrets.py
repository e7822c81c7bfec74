"""Secrets in settings: the text itself, or a file that contains it."""

from pathlib import Path

from services.shared.errors import StartupError


def read_secret(text: str, file: str, name: str) -> str:
    """The secret, empty if neither is set. StartupError if both are, or the file cannot be read."""
    if text and file:
        raise StartupError(f"set {name} or {name}_FILE, not both")
    if not file:
        return text
    try:
        return Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise StartupError(f"{name}_FILE: cannot read {file}: {reason}") from None
