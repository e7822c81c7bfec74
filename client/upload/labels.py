"""Labels, tags and sources that the user gives to uploaded files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The labels of flows are the names of the files without extensions, after a `prefix`.

    With a label in `source`, all files of a format have one source with that label; else each has its own.
    """

    source: str | None = None
    prefix: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    def of(self, path: Path) -> str:
        """The label of the flow of a file."""
        return f"{self.prefix}{path.stem}"
