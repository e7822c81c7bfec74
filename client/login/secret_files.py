"""Files that hold one secret."""

from pathlib import Path
from typing import Final

MAX_BYTES: Final = 64 * 1024


def read_secret(path: str, name: str) -> str:
    """The text of a file without the end of its last line. ValueError, with `name` in it, if unusable."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode()
    except OSError as error:
        raise ValueError(f"cannot read {name} in {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"cannot read {name} in {path}: it is not text") from None
    if len(content) > MAX_BYTES:
        raise ValueError(f"cannot read {name} in {path}: it has more than {MAX_BYTES} bytes")
    return text.removesuffix("\n").removesuffix("\r")
