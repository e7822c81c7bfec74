"""The code blocks of the documentation."""

import re
from pathlib import Path


def blocks(language: str, *pages: Path) -> list[str]:
    """The code blocks of the pages in a language."""
    return [
        block
        for page in pages
        for block in re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    ]
